"""``headrace demo``: a broker, three producers and a client on this machine."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from headrace.access.admin_token import ADMIN_RANDOM_BYTES, make_admin_token
from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import wide_console
from headrace.cli.client import run_shell
from headrace.cli.demo_channels import DemoChannel, demo_channels, find_samples
from headrace.cli.demo_report import SubscriberCounts, count_subscribers, find_faults, report_table
from headrace.cli.demo_state import make_demo_state
from headrace.cli.exit_codes import EXIT_INTERRUPTED
from headrace.cli.lifetime import run_until_stopped
from headrace.cli.logs import configure_logs
from headrace.cli.processes import ProcessEndedError, Processes
from headrace.client.broker_address import BrokerAddress
from headrace.client.client import Client
from headrace.client.reach import BrokerUnreachableError, reach_broker
from headrace.netio.entropy import random_bytes
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker import DEFAULT_PORT
from headrace.web.http_config import DEFAULT_HTTP_PORT
from headrace.web.listening_socket import HttpListenError, listen_on

DEFAULT_SECONDS: Final = 20.0
UP_SECONDS: Final = 30.0
"""For the broker to answer, to know who may call, and for the first pictures: 2 s each at most on a fast machine,
and 15 s were not enough on one with a tenth of a core left. What ends is noticed at once."""
LOOK_SECONDS: Final = 0.05
REPORT_SECONDS: Final = 5.0
GOODBYE_SECONDS: Final = 3.0
"""The broker notes a subscriber that says goodbye within a round trip."""
CHECK_SECONDS: Final = 0.5
LOOPBACK: Final = "127.0.0.1"


class DemoError(HeadraceError):
    """The demo did not show what it is to show."""


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=4,
            help="No shell: subscribe to all three channels for so long, print what came, and end. Without a "
            f"terminal this is the default, for {DEFAULT_SECONDS:.0f} seconds.",
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with frames/, audio/ and clip.mp4; samples/ if not said."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help=f"UDP port of the broker; {DEFAULT_PORT} if not said, or a free one where that is taken.",
        ),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help=f"TCP port of the page; {DEFAULT_HTTP_PORT} if not said, or a free one where that is taken.",
        ),
    ] = None,
) -> None:
    """Show everything on this machine: a broker, three producers, and a client's shell.

    Exits with 0 only if every channel gave decodable video and the one that was unsubscribed stopped.
    """
    configure_logs("warning")
    channels = demo_channels(find_samples(samples))
    broker = BrokerAddress(LOOPBACK, choose_port(port))
    page = f"{LOOPBACK}:{choose_http_port(http_port)}"
    is_interactive = seconds is None and sys.stdin.isatty() and sys.stdout.isatty()
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as logs, Processes(Path(logs)) as processes:
        length_s = None if is_interactive else (seconds or DEFAULT_SECONDS)
        work = _run(processes, broker, page, channels, length_s)
        is_complete = asyncio.run(run_until_stopped(work))
    if not is_interactive and not is_complete:
        raise typer.Exit(EXIT_INTERRUPTED)


def choose_port(wanted: int | None) -> int:
    """Return a UDP port that is free on the loopback interface.

    Raises:
        DemoError: ``wanted`` is taken, or none is free.
    """

    def probe(port: int) -> int:
        with UdpSocket.bind(LOOPBACK, port) as udp:
            return int.from_bytes(udp.local_address[2:4], "big")

    return _first_free("UDP", probe, wanted, DEFAULT_PORT, "--port")


def choose_http_port(wanted: int | None) -> int:
    """Return a TCP port that is free on the loopback interface.

    Raises:
        DemoError: ``wanted`` is taken, or none is free.
    """

    def probe(port: int) -> int:
        with listen_on(LOOPBACK, port) as tcp:
            return int(tcp.getsockname()[1])

    return _first_free("TCP", probe, wanted, DEFAULT_HTTP_PORT, "--http-port")


def _first_free(kind: str, probe: Callable[[int], int], wanted: int | None, usual: int, option: str) -> int:
    """Return the port that is wanted, or else the usual one or any, if ``probe`` can have it."""
    for port in (usual, 0) if wanted is None else (wanted,):
        with contextlib.suppress(OSError, HttpListenError):
            return probe(port)
    raise DemoError(
        f"no {kind} port is free" if wanted is None else f"{kind} port {wanted} is taken: give another {option}"
    )


async def _run(
    processes: Processes,
    broker: BrokerAddress,
    page: str,
    channels: tuple[DemoChannel, ...],
    seconds: float | None,
) -> None:
    console = wide_console()
    console.print(f"starting a broker at {broker} and {len(channels)} producers", highlight=False)
    state = processes.folder / "state"
    keys = await asyncio.to_thread(make_demo_state, state, [channel.channel_id for channel in channels])
    processes.start(
        "broker",
        [
            *("serve", "--listen", str(broker), "--state", str(state)),
            *("--http", page, "--webrtc-port", "0", "--log-json"),
        ],
        {"ADMIN_TOKEN": (admin_token := make_admin_token(random_bytes(ADMIN_RANDOM_BYTES)))},
    )
    await _wait_for_broker(processes, broker)
    for channel in channels:
        processes.start(
            f"producer {channel.channel_id}",
            ["produce", channel.channel_id, "--broker", str(broker), *channel.arguments],
            {"STREAM_KEY": keys[channel.channel_id]},
        )
    console.print(f"in a browser: http://{page}", highlight=False)
    if seconds is None:
        console.print(f"to operate it: http://{page}/operate with the token {admin_token}", highlight=False)
        await _show_shell(processes, broker, channels, console)
    else:
        await _show_all(processes, broker, channels, seconds, console)


async def _wait_for_broker(processes: Processes, broker: BrokerAddress) -> None:
    """Wait until it lets callers in: it answers, and has read who they may be."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + UP_SECONDS
    while True:
        processes.check()
        try:
            await reach_broker(broker, timeout_seconds=0.5)
        except BrokerUnreachableError:
            if loop.time() > deadline:
                raise
        else:
            break
    deadline = loop.time() + UP_SECONDS
    while "state read" not in _broker_log(processes):
        processes.check()
        if loop.time() > deadline:
            raise DemoError(f"the broker has not read its state within {UP_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


def _broker_log(processes: Processes) -> str:
    return processes.log_path("broker").read_text(errors="replace")


async def _show_shell(
    processes: Processes, broker: BrokerAddress, channels: tuple[DemoChannel, ...], console: Console
) -> None:
    for channel in channels:
        console.print(f"  {channel.channel_id}  {channel.what}", highlight=False)
    console.print(
        "type [bold]list[/bold], [bold]subscribe 1AAA99[/bold], [bold]status[/bold], [bold]help[/bold] or "
        "[bold]quit[/bold]"
    )
    checking = asyncio.create_task(_tell_when_one_ends(processes, console))
    try:
        await run_shell(Client(broker), broker, (), offered_ids=tuple(channel.channel_id for channel in channels))
    finally:
        checking.cancel()
    processes.check()


async def _tell_when_one_ends(processes: Processes, console: Console) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            processes.check()
        except ProcessEndedError as error:
            console.print(str(error), markup=False, highlight=False)
            return


async def _show_all(
    processes: Processes,
    broker: BrokerAddress,
    channels: tuple[DemoChannel, ...],
    seconds: float,
    console: Console,
) -> None:
    """Subscribe to all channels, leave the last half way, print what came and judge it."""
    leaving_id = channels[-1].channel_id
    async with Client(broker) as client:
        for channel in channels:
            client.subscribe(channel.channel_id)
        await _wait_for_pictures(processes, client)
        stalled_ids = await _watch(processes, client, seconds / 2, console)
        figures = {leaving_id: await client.unsubscribe(leaving_id)}
        console.print(f"unsubscribed from {leaving_id}", highlight=False)
        await _wait_for_goodbye(processes, leaving_id)
        stalled_ids += await _watch(processes, client, seconds / 2, console)
        leaving = _subscribers(processes, leaving_id)
        figures |= {channel_id: await client.unsubscribe(channel_id) for channel_id in client.channel_ids}
    console.print(report_table(channels, figures, leaving_id))
    if faults := find_faults(figures, stalled_ids, leaving_id, leaving):
        raise DemoError("; ".join(faults))


async def _wait_for_pictures(processes: Processes, client: Client) -> None:
    """Wait until every channel shows something, so that the time asked for is time watched."""
    deadline = asyncio.get_running_loop().time() + UP_SECONDS
    while True:
        processes.check()
        missing = [one for one in client.channel_ids if client.figures(one).seen.video_frames == 0]
        if not missing:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise DemoError(f"{', '.join(missing)} gave no decodable video within {UP_SECONDS:.0f} s")
        await asyncio.sleep(0.1)


async def _watch(processes: Processes, client: Client, seconds: float, console: Console) -> list[str]:
    """Let time pass, telling now and then how it goes; return the channels that gave no picture in that time."""
    loop = asyncio.get_running_loop()
    before = {one: client.figures(one).seen.video_frames for one in client.channel_ids}
    ends_at = loop.time() + seconds
    while (left_seconds := ends_at - loop.time()) > 0:
        await asyncio.sleep(min(left_seconds, REPORT_SECONDS))
        processes.check()
        frames = {one: client.figures(one).seen.video_frames for one in client.channel_ids}
        console.print("  " + ", ".join(f"{one} {count} frames" for one, count in frames.items()), highlight=False)
    return [one for one, count in before.items() if client.figures(one).seen.video_frames == count]


async def _wait_for_goodbye(processes: Processes, channel_id: str) -> None:
    """Give the broker some seconds to note that the channel's subscriber has left."""
    deadline = asyncio.get_running_loop().time() + GOODBYE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if _subscribers(processes, channel_id).gone:
            return
        await asyncio.sleep(0.1)


def _subscribers(processes: Processes, channel_id: str) -> SubscriberCounts:
    return count_subscribers(_broker_log(processes), channel_id)
