"""What is live at a broker, as its page shows it: over HTTP, or from a control socket of this machine."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from headrace.base.errors import HeadraceError
from headrace.cli.hostport import format_host_port
from headrace.cli.status_table import duration
from headrace.client.broker_address import BrokerAddress
from headrace.service.control_client import ControlClient, NoBrokerError
from headrace.web.http_config import DEFAULT_HTTP_PORT

ASK_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 1.0
"""A broker looks at a channel's pictures, where its title is too, when somebody asks what is live."""
MAX_ANSWER_BYTES: Final = 16 << 20
MAX_TITLE_CHARACTERS: Final = 60

Facts = dict[str, Any]


class ListError(HeadraceError):
    """What is live cannot be had."""


def live_channels(broker: BrokerAddress, http_url: str | None = None, control: Path | None = None) -> list[Facts]:
    """Return the channels that are live or watched, those that are live first.

    Args:
        broker: Its SRT address.
        http_url: Where it serves HTTP. Without it a broker of this user on this machine is asked at its control
            socket, which knows of channels that are not public too; and any other at the usual port.
        control: That socket, where it was moved.

    Raises:
        ListError: It cannot be asked.
    """
    channels = _ask(broker, http_url, control)
    if any(one["state"] == "live" and one["video"] is None for one in channels):
        time.sleep(LOOK_SECONDS)
        channels = _ask(broker, http_url, control)
    return channels


def _ask(broker: BrokerAddress, http_url: str | None, control: Path | None) -> list[Facts]:
    if http_url is not None:
        return _fetch(http_url)
    if control is not None or _is_here(broker.host):
        with suppress(NoBrokerError), ControlClient(broker.port, control) as client:
            return client.channels()
    return _fetch(f"http://{format_host_port(broker.host, DEFAULT_HTTP_PORT)}")


def _is_here(host: str) -> bool:
    """Whether a name or number means this machine: nobody can bind an address of another one."""
    try:
        for family, kind, *_, address in socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as udp:
                udp.bind(address)
    except OSError:
        return False
    return True


def _fetch(http_url: str) -> list[Facts]:
    url = f"{http_url.rstrip('/')}/api/v1/channels"
    if not url.startswith(("http://", "https://")):
        raise ListError(f"{http_url} is no URL: give the broker's page, such as http://127.0.0.1:8080")
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:  # noqa: S310 - the scheme was looked at
            document = json.loads(answer.read(MAX_ANSWER_BYTES))
        channels: list[Facts] = document["channels"]
    except urllib.error.HTTPError as error:
        raise ListError(f"{url} answers {error.code}: give the broker's page with --http URL") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        raise ListError(f"no broker answers at {url} ({reason}): give its page with --http URL") from None
    return channels


def list_lines(channels: Sequence[Facts]) -> list[str]:
    """Return one line of plain text for each channel."""
    lines = []
    for one in channels:
        cells = _cells(one)
        lines.append("  ".join(cell for cell in cells if cell))
    return lines or ["nothing is live"]


def list_table(channels: Sequence[Facts]) -> Table:
    """Return a table with a row for each channel."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("channel", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("viewers", justify="right", no_wrap=True)
    table.add_column("title", overflow="fold")
    for one in channels:
        channel_id, state, viewers, title = _cells(one)
        table.add_row(Text(channel_id), state, viewers.partition(" ")[0], Text(title))
    return table


def _cells(channel: Facts) -> tuple[str, str, str, str]:
    live_seconds = channel["live_seconds"]
    state = channel["state"] + ("" if live_seconds is None else f" {duration(live_seconds)}")
    count = channel["viewers"]
    title = "".join(one if one.isprintable() else "?" for one in (channel["title"] or "")[:MAX_TITLE_CHARACTERS])
    return channel["id"], state, f"{count} viewer{'' if count == 1 else 's'}", title
