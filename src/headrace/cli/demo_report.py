"""What the demo's client received, as a table, and whether it is what it is to be."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from headrace.cli.channel_figures import describe, latency_text
from headrace.cli.demo_channels import DemoChannel
from headrace.client.client import ChannelFigures


@dataclass(frozen=True, slots=True)
class SubscriberCounts:
    """What the broker has logged of a channel's subscribers.

    Attributes:
        connected: How many have come.
        gone: How many have left.
    """

    connected: int
    gone: int


def count_subscribers(log: str, channel_id: str) -> SubscriberCounts:
    """Read the broker's JSON log; what is no JSON object, or only half written yet, is left out."""
    counts = {"subscriber connected": 0, "subscriber gone": 0}
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("channel") == channel_id and entry.get("event") in counts:
            counts[entry["event"]] += 1
    return SubscriberCounts(counts["subscriber connected"], counts["subscriber gone"])


def find_faults(
    figures: Mapping[str, ChannelFigures], stalled_ids: Iterable[str], leaving_id: str, leaving: SubscriberCounts
) -> list[str]:
    """Return what was not as it is to be, in words; nothing if all was well.

    Args:
        figures: All that was received, by channel id.
        stalled_ids: Channels that gave no picture during half of the time.
        leaving_id: The channel that was unsubscribed from half way.
        leaving: What the broker says of its subscribers at the end.
    """
    faults = []
    for channel_id, (_, seen) in figures.items():
        if seen.video_frames == 0:
            faults.append(f"{channel_id} gave no decodable video")
        if seen.decode_errors:
            faults.append(f"{channel_id}: {seen.decode_errors} frames could not be decoded")
    faults += [f"{channel_id} gave no video any more" for channel_id in dict.fromkeys(stalled_ids)]
    if leaving.connected == 0 or leaving.connected != leaving.gone:
        faults.append(
            f"{leaving_id} was unsubscribed, but the broker noted {leaving.connected} subscribers "
            f"that came and {leaving.gone} that left"
        )
    return faults


def report_table(channels: Iterable[DemoChannel], figures: Mapping[str, ChannelFigures], leaving_id: str) -> Table:
    """Return what was received, a row for each channel."""
    table = Table(title="what arrived", box=None, pad_edge=False, title_justify="left")
    for heading in ("channel", "from"):
        table.add_column(heading, no_wrap=True)
    for heading in ("frames", "errors", "MB", "packets", "lost", "recovered", "dropped"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("latency ms\np50 / p99", "first frame\nms"):
        table.add_column(heading, justify="right")
    table.add_column("title")
    for channel in channels:
        received, seen = figures[channel.channel_id]
        table.add_row(
            channel.channel_id,
            channel.what + (" (left half way)" if channel.channel_id == leaving_id else ""),
            str(seen.video_frames),
            str(seen.decode_errors),
            f"{received.received_payload_bytes / 1e6:.1f}",
            str(received.received_packets),
            str(received.lost_packets),
            str(received.recovered_packets),
            str(received.dropped_packets),
            latency_text(seen.latency_p50_ms, seen.latency_p99_ms),
            "-" if seen.first_frame_ms is None else f"{seen.first_frame_ms:.0f}",
            Text(describe(seen)),
        )
    return table
