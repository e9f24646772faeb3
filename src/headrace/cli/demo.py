"""``headrace demo``: a broker, three producers and a client on this machine."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import describe, latency_text, wide_console
from headrace.cli.client import run_shell
from headrace.cli.lifetime import run_until_stopped
from headrace.cli.logs import configure_logs
from headrace.cli.processes import Processes
from headrace.client.broker_address import BrokerAddress
from headrace.client.client import ChannelFigures, Client
from headrace.client.reach import BrokerUnreachableError, reach_broker
from headrace.client.viewer import ViewerFigures
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker import DEFAULT_PORT

DEFAULT_SECONDS: Final = 20.0
UP_SECONDS: Final = 15.0
"""Three Python programs start and open their sources: 2 s on a fast machine, more where it is busy."""
REPORT_SECONDS: Final = 5.0
GOODBYE_SECONDS: Final = 3.0
"""The broker notes a subscriber that says goodbye within a round trip."""
LOOPBACK: Final = "127.0.0.1"


class DemoError(HeadraceError):
    """The demo did not show what it is to show."""


@dataclass(frozen=True, slots=True)
class DemoChannel:
    """One of the demo's producers.

    Attributes:
        channel_id: What it produces.
        what: For people.
        arguments: Of ``headrace produce``, without the id.
    """

    channel_id: str
    what: str
    arguments: tuple[str, ...]


def demo_channels(samples: Path) -> tuple[DemoChannel, ...]:
    """Return the three channels, of which two are made from the files in ``samples``."""
    frames, audio = samples / "frames", samples / "audio"
    return (
        DemoChannel(
            "1AAA99",
            "frames and audio",
            (
                "--frames",
                str(frames),
                "--audio",
                str(audio),
                "--rate",
                "10",
                "--loop",
                "--title",
                "Frames and MP3",
            ),
        ),
        DemoChannel(
            "2BBB99", "video file", ("--file", str(samples / "clip.mp4"), "--loop", "--title", "A video file")
        ),
        DemoChannel(
            "3CCC99",
            "test pattern",
            ("--test", "--size", "640x360", "--bitrate", "1000", "--title", "Test pattern"),
        ),
    )


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            min=4,
            help="Subscribe to all three channels for so long, print what came, and end; without a terminal "
            f"{DEFAULT_SECONDS:.0f}.",
        ),
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with frames/, audio/ and clip.mp4.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help=f"UDP port; {DEFAULT_PORT} or, if that is taken, a free one."),
    ] = None,
) -> None:
    """Show everything on this machine: a broker, three producers, and a client's shell."""
    configure_logs("warning")
    channels = demo_channels(_find_samples(samples))
    broker = BrokerAddress(LOOPBACK, _choose_port() if port is None else port)
    is_interactive = seconds is None and sys.stdin.isatty() and sys.stdout.isatty()
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as logs, Processes(Path(logs)) as processes:
        work = _run(
            processes, broker, channels, None if is_interactive else (seconds or DEFAULT_SECONDS), wide_console()
        )
        asyncio.run(run_until_stopped(work))


def _find_samples(given: Path | None) -> Path:
    """Return the samples folder: the one given, in the current folder, or in the checkout that runs."""
    checkout = Path(__file__).parents[3]
    places = [given] if given is not None else [Path("samples"), checkout / "samples"]
    for place in places:
        if (place / "clip.mp4").is_file() and (place / "frames").is_dir() and (place / "audio").is_dir():
            return place
    raise DemoError(
        f"no samples in {' or '.join(str(place.absolute()) for place in places)}: "
        "run it in a checkout of Headrace, or give --samples DIR with frames/, audio/ and clip.mp4"
    )


def _choose_port() -> int:
    for port in (DEFAULT_PORT, 0):
        try:
            with UdpSocket.bind(LOOPBACK, port) as probe:
                return int.from_bytes(probe.local_address[2:4], "big")
        except OSError:
            continue
    raise DemoError("no UDP port is free on this machine")


async def _run(
    processes: Processes,
    broker: BrokerAddress,
    channels: tuple[DemoChannel, ...],
    seconds: float | None,
    console: Console,
) -> None:
    console.print(f"starting a broker at {broker} and {len(channels)} producers", highlight=False)
    processes.start("broker", ["serve", "--listen", str(broker), "--log-json"])
    await _wait_for_broker(processes, broker)
    for channel in channels:
        processes.start(
            f"producer-{channel.channel_id}",
            ["produce", channel.channel_id, "--broker", str(broker), *channel.arguments],
        )
    if seconds is None:
        await _show_shell(processes, broker, channels, console)
    else:
        await _show_all(processes, broker, channels, seconds, console)


async def _wait_for_broker(processes: Processes, broker: BrokerAddress) -> None:
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
            return


async def _show_shell(
    processes: Processes, broker: BrokerAddress, channels: tuple[DemoChannel, ...], console: Console
) -> None:
    for channel in channels:
        console.print(f"  {channel.channel_id}  {channel.what}", highlight=False)
    console.print(
        "type [bold]subscribe 1AAA99[/bold], [bold]status[/bold], [bold]help[/bold] or [bold]quit[/bold]"
    )
    await run_shell(Client(broker), broker, (), offered_ids=tuple(channel.channel_id for channel in channels))
    processes.check()


async def _show_all(
    processes: Processes,
    broker: BrokerAddress,
    channels: tuple[DemoChannel, ...],
    seconds: float,
    console: Console,
) -> None:
    """Subscribe to all channels, leave the last half way, print what came and judge it."""
    leaving = channels[-1].channel_id
    async with Client(broker) as client:
        for channel in channels:
            client.subscribe(channel.channel_id)
        await _wait_for_pictures(processes, client)
        await _watch(processes, client, seconds / 2, console)
        figures = {leaving: await client.unsubscribe(leaving)}
        console.print(f"unsubscribed from {leaving}", highlight=False)
        has_stopped = await _broker_saw_goodbye(processes, leaving)
        await _watch(processes, client, seconds / 2, console)
        figures |= {channel_id: await client.unsubscribe(channel_id) for channel_id in client.channel_ids}
    console.print(_table(channels, figures, leaving))
    faults = [f"{one} gave no decodable video" for one, (_, seen) in figures.items() if not _is_good(seen)]
    if not has_stopped:
        faults.append(f"the broker did not note that {leaving} was unsubscribed")
    if faults:
        raise DemoError("; ".join(faults))


async def _wait_for_pictures(processes: Processes, client: Client) -> None:
    """Wait until every channel shows something, so that the time asked for is time watched."""
    deadline = asyncio.get_running_loop().time() + UP_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        processes.check()
        if all(client.figures(one).seen.video_frames for one in client.channel_ids):
            return
        await asyncio.sleep(0.1)


async def _watch(processes: Processes, client: Client, seconds: float, console: Console) -> None:
    """Let time pass, telling now and then how it goes."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while (left_seconds := ends_at - loop.time()) > 0:
        await asyncio.sleep(min(left_seconds, REPORT_SECONDS))
        processes.check()
        frames = [f"{one} {client.figures(one).seen.video_frames} frames" for one in client.channel_ids]
        console.print("  " + ", ".join(frames), highlight=False)


async def _broker_saw_goodbye(processes: Processes, channel_id: str) -> bool:
    """Return whether the broker logs within some seconds that the channel's subscriber has left."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + GOODBYE_SECONDS
    while loop.time() < deadline:
        for line in processes.log_path("broker").read_text().splitlines():
            event = json.loads(line)
            if event.get("event") == "subscriber gone" and event.get("channel") == channel_id:
                return True
        await asyncio.sleep(0.1)
    return False


def _is_good(seen: ViewerFigures) -> bool:
    return seen.video_frames > 0 and seen.decode_errors == 0


def _table(channels: tuple[DemoChannel, ...], figures: Mapping[str, ChannelFigures], leaving: str) -> Table:
    table = Table(title="what arrived", box=None, pad_edge=False, title_justify="left")
    for heading in ("channel", "from"):
        table.add_column(heading, no_wrap=True)
    for heading in ("frames", "errors", "MB", "packets", "lost", "recovered", "dropped"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("latency p50 / p99 ms", "first frame ms"):
        table.add_column(heading, justify="right")
    table.add_column("title")
    for channel in channels:
        received, seen = figures[channel.channel_id]
        table.add_row(
            channel.channel_id,
            channel.what + (" (left half way)" if channel.channel_id == leaving else ""),
            str(seen.video_frames),
            str(seen.decode_errors),
            f"{received.received_payload_bytes / 1e6:.1f}",
            str(received.received_packets),
            str(received.lost_packets),
            str(received.recovered_packets),
            str(received.dropped_packets),
            latency_text(seen.latency_p50_ms, seen.latency_p99_ms),
            "-" if seen.first_frame_ms is None else f"{seen.first_frame_ms:.0f}",
            describe(seen.title, seen.facts),
        )
    return table
