"""``headrace check``: whether a broker answers; for health checks."""

import asyncio
from typing import Annotated

import typer

from headrace.cli.options import DEFAULT_BROKER, BrokerOption, parse_broker
from headrace.client.reach import reach_broker


def check(
    broker: BrokerOption = DEFAULT_BROKER,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Wait so long for an answer.")
    ] = 3.0,
) -> None:
    """Exit with 0 if a broker answers, with 1 if none does."""
    address = parse_broker(broker)
    asyncio.run(reach_broker(address, timeout_seconds=timeout_seconds))
    print(f"a broker answers at {address}")  # noqa: T201 - this is the command's output
