"""``headrace status``: what a broker of this machine is doing."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import wide_console
from headrace.cli.hostport import parse_host_port
from headrace.cli.status_table import status_view
from headrace.service.broker import DEFAULT_PORT
from headrace.service.control_client import ControlClient
from headrace.service.control_service import CONTROL_AUTO, CONTROL_OFF

ALL_CHANNELS = "*"


class StatusError(HeadraceError):
    """The status cannot be had."""


def status(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="The broker's UDP port; by default that of LISTEN or 8890."
        ),
    ] = None,
    control: Annotated[
        str, typer.Option(metavar="PATH", envvar="CONTROL", help="The broker's control socket, if it was moved.")
    ] = CONTROL_AUTO,
    channel: Annotated[
        str | None, typer.Option(metavar="ID", help="Show the subscribers of this channel one by one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C; with --json one object a line.")
    ] = False,
    interval_seconds: Annotated[
        float,
        typer.Option("--interval", metavar="SECONDS", min=0.1, max=300, help="With --watch: look this often."),
    ] = 1.0,
    listen: Annotated[str, typer.Option(envvar="LISTEN", hidden=True)] = "",
) -> None:
    """Show what a broker of this machine is doing: channels, producers, subscribers, losses, events."""
    if channel is not None:
        check_channel_id(channel)
    if control == CONTROL_OFF:
        raise StatusError("CONTROL is off: the broker cannot be asked; start it with --control auto")
    path = None if control == CONTROL_AUTO else Path(control)
    broker_port = port or parse_host_port(listen, default_port=DEFAULT_PORT)[1]
    subscribers_of = ALL_CHANNELS if as_json and channel is None else channel
    with ControlClient(broker_port, path) as client, suppress(KeyboardInterrupt):
        documents = _documents(client, subscribers_of, interval_seconds if watch else None)
        if as_json:
            for document in documents:
                sys.stdout.write(json.dumps(document) + "\n")
                sys.stdout.flush()
        else:
            _show(documents, channel, watch=watch)


def _documents(
    client: ControlClient, subscribers_of: str | None, interval_seconds: float | None
) -> Iterator[dict[str, Any]]:
    """Return one status, or one each interval for ever."""
    yield client.status(subscribers_of)
    while interval_seconds is not None:
        time.sleep(interval_seconds)
        yield client.status(subscribers_of)


def _show(documents: Iterator[dict[str, Any]], channel: str | None, *, watch: bool) -> None:
    console = wide_console()
    if not (watch and console.is_terminal):
        for document in documents:
            console.print(_view(document, channel, console, watch=watch))
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="visible", screen=True) as live:
        for document in documents:
            live.update(_view(document, channel, console, watch=watch), refresh=True)


def _view(document: dict[str, Any], channel: str | None, console: Console, *, watch: bool) -> Group:
    # Who watches a channel sees it come back: it is forgotten while nobody produces or subscribes.
    if not watch and channel is not None and all(one["id"] != channel for one in document["channels"]):
        raise StatusError(f"there is no channel {channel} at the broker: 'headrace status' shows those there are")
    return status_view(document, channel, wide=console.width >= 120, with_events=watch)
