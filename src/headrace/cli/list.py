"""``headrace list``: what is live at a broker."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.channel_figures import wide_console
from headrace.cli.live_list import list_table, live_channels
from headrace.cli.options import DEFAULT_BROKER, BrokerOption, HttpUrlOption, parse_broker
from headrace.service.control_service import CONTROL_AUTO, CONTROL_OFF


def list(  # noqa: A001 - it is what people type
    *,
    broker: BrokerOption = DEFAULT_BROKER,
    http_url: HttpUrlOption = None,
    control: Annotated[
        str, typer.Option(metavar="PATH", envvar="CONTROL", help="The broker's control socket, if it was moved.")
    ] = CONTROL_AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the channels that are live, with their viewers: the same as on the broker's page."""
    path = None if control in {CONTROL_AUTO, CONTROL_OFF} else Path(control)
    channels = live_channels(parse_broker(broker), http_url or None, path)
    if as_json:
        sys.stdout.write(json.dumps({"channels": channels}) + "\n")
    elif channels:
        wide_console().print(list_table(channels))
    else:
        sys.stdout.write("nothing is live\n")
