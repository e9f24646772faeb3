"""A broker's status for people: two lines on the broker, a table of channels, one of subscribers, and events.

Source: ``docs/operate/status.md``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

MAX_EVENT_LINES: Final = 10
MAX_SUBSCRIBER_LINES: Final = 200
"""Nobody reads more; ``--json`` has all."""

Facts = Mapping[str, Any]


def status_view(document: Facts, channel_id: str | None, *, wide: bool, with_events: bool) -> Group:
    """Return a status as `headrace.service.control_client.ControlClient.status` has it, to be printed.

    Args:
        document: The status.
        channel_id: Whose subscribers are shown one by one; None for nobody's.
        wide: Whether there are 120 columns, and not only 80.
        with_events: Whether the newest events are shown.
    """
    parts: list[RenderableType] = [*(_line(text) for text in broker_lines(document["broker"])), ""]
    channels = [one for one in document["channels"] if channel_id in {None, one["id"]}]
    nothing = "no channels" if channel_id is None else f"no channel {channel_id} now"
    parts.append(
        channel_table(channels, wide=wide) if channels else _line(f"{nothing}: nobody produces or subscribes")
    )
    parts += [_line(text) for one in channels if (text := browser_line(one)) is not None]
    if channels and channel_id is not None:
        parts += ["", subscriber_table(document["subscribers"][:MAX_SUBSCRIBER_LINES], wide=wide)]
        left_out = len(document["subscribers"]) - MAX_SUBSCRIBER_LINES
        parts += [_line(f"... and {left_out} more: --json shows all")] if left_out > 0 else []
    if with_events:
        parts += ["", *(_line(event_line(event)) for event in document["events"][-MAX_EVENT_LINES:])]
    return Group(*parts)


def _line(text: str) -> Text:
    return Text("".join(character if character.isprintable() else "?" for character in text), overflow="fold")


def broker_lines(broker: Facts) -> list[str]:
    """Return what is said of the broker as a whole."""
    memory = broker["resident_bytes"]
    lines = [
        f"headrace {broker['headrace_version']} on {broker['listen']}, up {duration(broker['uptime_seconds'])}"
        + ("" if memory is None else f", {memory / 1e6:.0f} MB"),
        f"{_count(broker['producers'], 'producer')}, {_watching(broker)}, "
        f"in {mbps(broker['received_bps'])}, out {mbps(broker['sent_bps'])} Mbit/s",
    ]
    full = {"received": "receive_dropped_datagrams", "to be sent": "send_would_block_datagrams"}
    lost = {what: broker.get("socket", {}).get(key) for what, key in full.items()}
    if any(lost.values()):
        told = ", ".join(f"{count} {what}" for what, count in lost.items() if count)
        lines.append(f"lost for want of buffers: {told}")
    troubles = (
        ("dropped_subscribers", "dropped"),
        ("ended_rights", "sent away"),
        ("refused_connections", "refused"),
        ("hook_answers", "hook said"),
        ("ignored_packets", "ignored"),
    )
    for key, word in troubles:
        # A broker of before does not say everything.
        if broker.get(key):
            lines.append(f"{word}: " + ", ".join(f"{reason} {count}" for reason, count in broker[key].items()))
    return lines


def _watching(broker: Facts) -> str:
    """Return how many watch, as the table of channels counts them."""
    browsers = broker.get("watching_sessions", 0)
    told = f" ({browsers} in {'a browser' if browsers == 1 else 'browsers'})" if browsers else ""
    return _count(broker["subscribers"] + browsers, "subscriber") + told


def channel_table(channels: list[Facts], *, wide: bool) -> Table:
    """Return a table with a row for each channel, its producer, and its subscribers in sum."""
    headings = [
        "Mbit/s",
        "rtt\nms",
        "lost",
        "recov-\nered",
        "drop-\nped",
        "cont.\nerrors",
        "subscr-\nibers",
        "resent",
    ]
    if wide:
        headings += [
            "keyframes\neach s",
            "buffer\nms",
            "held\ns",
            "largest\nrtt ms",
            "behind",
            "stand-\nbys",
            "switch-\nes",
        ]
    table = _table(("channel", "state"), headings)
    if wide:
        table.add_column("producer", overflow="fold")
    for channel in channels:
        producer: Facts = channel["producer"] or {}
        group, interval_ms = channel["subscribers"], channel["keyframe_interval_ms"]
        figures = [
            mbps(producer["received_bps"]) if producer else "-",
            *(
                _text(producer.get(key))
                for key in ("rtt_ms", "lost_packets", "recovered_packets", "dropped_packets")
            ),
            _text(channel["continuity_errors"]),
            _text(group["count"] + channel.get("sessions", {}).get("count", 0)),
            _text(channel.get("sent", group)["resent_packets"]),
        ]
        if wide:
            figures += [
                "-" if interval_ms is None else f"{interval_ms / 1e3:.1f}",
                _text(producer.get("buffer_ms")),
                f"{channel['ring']['held_ms'] / 1e3:.1f}",
                _text(group["rtt_max_ms"]),
                _text(group["catching_up"]),
                _text(len(channel["standbys"])),
                _text(sum(channel["switches"].values())),
                _text(producer.get("address")),
            ]
        since = channel["state_seconds"]
        state = channel["state"] + ("" if since is None else f" {duration(since)}")
        table.add_row(Text(channel["id"]), state, *figures)
    return table


def browser_line(channel: Facts) -> str | None:
    """Return what browsers do not get of a channel as it is, or None: nobody told of it, or they get it so."""
    recoding = channel.get("recoding")
    if channel.get("notice") is not None:
        return f"{channel['id']}: {channel['notice']}"
    if recoding is None:
        return None
    troubles = {"left out": recoding["left_out_pictures"], "failures": recoding["failures"]}
    told = "".join(f", {what} {count}" for what, count in troubles.items() if count)
    return f"{channel['id']}: {recoding['why']}: re-encoded for browsers, pictures {recoding['pictures']}{told}"


def subscriber_table(subscribers: list[Facts], *, wide: bool) -> Table:
    """Return a table with a row for each subscriber, browsers among them: of those some figures are not known."""
    headings = ["connected", "rtt\nms", "latency\nms", "sent\nMB", "resent", "loss\nreports", "not\nacked"]
    table = _table(("subscriber", "socket id", "state", "key") if wide else ("subscriber",), headings)
    for one in subscribers:
        figures = [duration(one["connected_seconds"]), _text(one["rtt_ms"]), _text(one.get("latency_ms"))]
        figures += [f"{one['sent_payload_bytes'] / 1e6:.1f}"]
        figures += [_text(one.get(key)) for key in ("resent_packets", "naks_packets", "unacknowledged_packets")]
        state = one["state"].replace("_", " ")
        more = (one.get("socket_id", "browser"), state, _text(one.get("key"))) if wide else ()
        table.add_row(_text(one["address"]), *more, *figures)
    return table


def _table(left: tuple[str, ...], right: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def event_line(event: Facts) -> str:
    """Return one event as a line of text."""
    at = datetime.fromtimestamp(event["unix_ms"] / 1e3).astimezone().strftime("%H:%M:%S")
    facts = (f"{key}={value}" for key, value in event.items() if key not in {"number", "unix_ms", "event"})
    return f"{at} {event['event']}  {'  '.join(facts)}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``3m 20s``."""
    whole = int(seconds)
    for unit, name, part, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit:
            return f"{whole // unit}{name} {whole % unit // part}{part_name}"
    return f"{whole}s"


def mbps(bps: int) -> str:
    """Return Mbit/s with two digits behind the point."""
    return f"{bps / 1e6:.2f}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _text(value: object) -> str:
    return "-" if value is None else str(value)
