"""What subscriptions have received: as a table, as one line, and as JSON."""

import json
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

from headrace.client.client import ChannelFigures
from headrace.client.viewer import ViewerFigures
from headrace.mpegts.metadata import JsonValue

PLAIN_WIDTH: Final = 140
TABLE_WIDTH: Final = 76
"""What the table of figures takes with an id and figures of usual length."""
MAX_DESCRIPTION_CHARACTERS: Final = 80
"""A producer may say 60 kB about itself; JSON has all of it."""


def wide_console() -> Console:
    """Return standard output as wide as its terminal, or wide enough for a table where it is none."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def print_figures(
    console: Console, figures: Mapping[str, ChannelFigures], rates_mbps: Mapping[str, float | None]
) -> None:
    """Print a table with a row for each channel, and below it what the channels say about themselves.

    Where a table does not fit, the channels are printed as `figures_line` has them.

    Args:
        console: Where to.
        figures: By channel id.
        rates_mbps: Mbit/s now, by channel id; left out or None where it is not known.
    """
    if console.width < TABLE_WIDTH:
        for channel_id, item in figures.items():
            line = figures_line(channel_id, item, rates_mbps.get(channel_id))
            console.print(line, markup=False, highlight=False)
        return
    console.print(figures_table(figures, rates_mbps))
    for channel_id, (_, seen) in figures.items():
        if description := describe(seen):
            console.print(f"{channel_id}: {description}", markup=False, highlight=False, soft_wrap=True)


def figures_table(figures: Mapping[str, ChannelFigures], rates_mbps: Mapping[str, float | None]) -> Table:
    """Return a table of figures that fits into 80 columns, a row for each channel."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("channel", min_width=7, overflow="fold")
    table.add_column("state", no_wrap=True)
    for heading in ("Mbit/s", "frames", "packets", "lost", "recovered", "dropped", "latency ms\np50 / p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for channel_id, (received, seen) in figures.items():
        rate = rates_mbps.get(channel_id)
        table.add_row(
            channel_id,
            received.state.name.lower(),
            "-" if rate is None else f"{rate:.2f}",
            str(seen.video_frames),
            str(received.received_packets),
            str(received.lost_packets),
            str(received.recovered_packets),
            str(received.dropped_packets),
            latency_text(seen.latency_p50_ms, seen.latency_p99_ms),
        )
    return table


def figures_line(channel_id: str, figures: ChannelFigures, rate_mbps: float | None) -> str:
    """Return one subscription as one line of plain text."""
    received, seen = figures
    rate = "-" if rate_mbps is None else f"{rate_mbps:.2f}"
    return (
        f"{channel_id}  {received.state.value}  {seen.video_frames} frames  {rate} Mbit/s  "
        f"{latency_text(seen.latency_p50_ms, seen.latency_p99_ms)} ms  lost {received.lost_packets}  "
        f"recovered {received.recovered_packets}  dropped {received.dropped_packets}  "
        f"{describe(seen)}"
    ).rstrip()


def latency_text(p50_ms: int | None, p99_ms: int | None) -> str:
    """Return a latency for people, ``-`` where the producer does not stamp its frames."""
    return "-" if p50_ms is None else f"{p50_ms} / {p99_ms}"


def describe(seen: ViewerFigures) -> str:
    """Return title, facts and the newest data in one piece, short and without what could move a cursor."""
    parts = ([seen.title] if seen.title else []) + [f"{key}={value}" for key, value in seen.facts.items()]
    if seen.data is not None:
        parts.append(json.dumps(dict(seen.data), ensure_ascii=False))
    text = ", ".join(parts)
    if len(text) > MAX_DESCRIPTION_CHARACTERS:
        text = text[: MAX_DESCRIPTION_CHARACTERS - 3] + "..."
    return "".join(character if character.isprintable() else "?" for character in text)


def figures_json(channel_id: str, figures: ChannelFigures, failure: BaseException | None) -> dict[str, JsonValue]:
    """Return one subscription as the JSON object that ``headrace client --json`` prints."""
    received, seen = figures
    return {
        "id": channel_id,
        "state": received.state.name.lower(),
        "frames_decoded": seen.video_frames,
        "audio_frames_decoded": seen.audio_frames,
        "decode_errors": seen.decode_errors,
        "bytes": received.received_payload_bytes,
        "packets_received": received.received_packets,
        "packets_lost": received.lost_packets,
        "packets_recovered": received.recovered_packets,
        "packets_dropped": received.dropped_packets,
        "reconnects": received.reconnects,
        "latency_p50_ms": seen.latency_p50_ms,
        "latency_p99_ms": seen.latency_p99_ms,
        "first_frame_ms": None if seen.first_frame_ms is None else round(seen.first_frame_ms, 1),
        "metadata": {
            "title": seen.title,
            "facts": dict(seen.facts),
            "data": None if seen.data is None else dict(seen.data),
        },
        "error": None if failure is None else str(failure),
    }
