"""What a broker does, for Prometheus. Anybody may see sums; what is said of single channels is for the admin.

Names, labels and meanings: ``docs/reference/metrics.md``.

Source: Prometheus, "metric and label naming".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MAX_CHANNELS: Final = 500
"""Of which single figures are given: those with most viewers."""

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WebFigures:
    """What the HTTP side does itself.

    Attributes:
        requests: That were answered.
        refused_requests: Those beyond the limit.
        chat_members: Who is in a chat.
        chat_lines: That were said.
        event_listeners: Who listens to events.
    """

    requests: int = 0
    refused_requests: int = 0
    chat_members: int = 0
    chat_lines: int = 0
    event_listeners: int = 0


def render_metrics(status: Facts, web: WebFigures, *, with_channels: bool) -> bytes:
    """Return all figures in Prometheus' text format.

    Args:
        status: The document of ``headrace status --json``.
        web: What the HTTP side does itself.
        with_channels: Whether those of single channels are among them.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Made([*broker_metrics(status), *web_metrics(web)]))
    if with_channels:
        registry.register(_Made(list(channel_metrics(status["channels"]))))
    return generate_latest(registry)


class _Made(Collector):
    """Metrics that were made beforehand."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def broker_metrics(status: Facts) -> Iterator[Metric]:
    """Make the metrics of the broker as a whole."""
    broker, channels = status["broker"], status["channels"]
    yield InfoMetricFamily("headrace", "What runs.", {"version": str(broker["headrace_version"])})
    yield _gauge("uptime_seconds", "Since the broker began.", broker["uptime_seconds"])
    if broker["resident_bytes"] is not None:
        yield _gauge("resident_memory_bytes", "Memory that the broker holds.", broker["resident_bytes"])
    is_live = [one["state"] == "live" for one in channels]
    states = {"live": sum(is_live), "waiting": len(is_live) - sum(is_live)}
    yield _gauges("channels", "Channels with a producer or somebody who watches.", "state", states)
    yield _gauge("producers", "Producers that are connected, on the air or not.", broker["producers"])
    yield _gauge("subscribers", "Subscribers that are connected over SRT.", broker["subscribers"])
    sessions = sum(one.get("sessions", {}).get("count", 0) for one in channels)
    yield _gauge("sessions", "Browsers that watch over WebRTC.", sessions)
    recoded = broker.get("recoded_channels", 0)
    yield _gauge("recoded_channels", "Channels that are re-encoded for browsers.", recoded)
    yield from _socket_metrics(broker["socket"])
    for name, help_text, label in (
        ("ignored_packets", "Packets that were dropped as malformed or unwanted.", "reason"),
        ("refused_connections", "Connections that were refused, by the code on the wire.", "code"),
        ("limits_reached", "Connections that were turned or sent away because of a limit.", "limit"),
        ("dropped_subscribers", "Subscribers that the broker gave up.", "reason"),
        ("ended_rights", "Connections that were sent away because they may not be here any longer.", "reason"),
        ("hook_answers", "What the admission hook said: allowed, or the code of a refusal.", "answer"),
    ):
        yield _counters(name, help_text, label, broker[name])


def _socket_metrics(socket: Facts) -> Iterator[Metric]:
    both = {"in": socket["bytes_received"], "out": socket["bytes_sent"]}
    yield _counters("udp_bytes", "UDP payload of all kinds.", "direction", both)
    both = {"in": socket["datagrams_received"], "out": socket["datagrams_sent"]}
    yield _counters("udp_datagrams", "Datagrams of all kinds.", "direction", both)
    dropped = {
        "receive_buffer_full": socket["receive_dropped_datagrams"],
        "send_buffer_full": socket["send_would_block_datagrams"],
        "send_error": socket["send_error_datagrams"],
        "too_long": socket["receive_truncated_datagrams"],
    }
    yield _counters("udp_dropped_datagrams", "Datagrams that were lost on this machine.", "reason", dropped)
    yield _counter("udp_send_calls", "System calls for sending.", socket["system_calls"])


def web_metrics(web: WebFigures) -> Iterator[Metric]:
    """Make the metrics of the HTTP side."""
    yield _counter("http_requests", "Requests over HTTP that were answered.", web.requests)
    yield _counter("http_refused_requests", "Requests that were refused as too many.", web.refused_requests)
    yield _gauge("chat_members", "Who is in a chat.", web.chat_members)
    yield _counter("chat_lines", "Lines that were said in chats.", web.chat_lines)
    yield _gauge("event_listeners", "Who listens to server-sent events.", web.event_listeners)


def _recoded(channel: Facts, name: str) -> int:
    return int(channel.get("recoded", {}).get(name, 0))


_OF_CHANNEL: Final = (
    ("channel_subscribers", "Who watches over SRT.", lambda one: one["subscribers"]["count"]),
    ("channel_sessions", "Who watches in a browser.", lambda one: one.get("sessions", {}).get("count", 0)),
    ("channel_live", "1 while there is a producer.", lambda one: int(one["state"] == "live")),
    ("channel_rtt_max_seconds", "Longest of a subscriber.", lambda one: one["subscribers"]["rtt_max_ms"] / 1e3),
)  # fmt: skip
_OF_CHANNEL_COUNTED: Final = (
    ("channel_sent_packets", "Packets sent to who watches.", lambda one: one["sent"]["sent_packets"]),
    ("channel_sent_bytes", "Their payload.", lambda one: one["sent"]["sent_payload_bytes"]),
    ("channel_resent_packets", "Packets sent again.", lambda one: one["sent"]["resent_packets"]),
    ("channel_continuity_errors", "Wrong continuity counters.", lambda one: one["continuity_errors"]),
    ("channel_recoded_pictures", "Pictures re-encoded for browsers.", lambda one: _recoded(one, "pictures")),
    (
        "channel_recoding_left_out_pictures",
        "Pictures that were not re-encoded, for want of time.",
        lambda one: _recoded(one, "left_out_pictures"),
    ),
    ("channel_recoding_failures", "How often re-encoding failed.", lambda one: _recoded(one, "failures")),
)
_OF_PRODUCER_COUNTED: Final = (
    ("producer_received_packets", "Packets from who was on the air.", "received_packets"),
    ("producer_received_bytes", "Their payload.", "received_payload_bytes"),
    ("producer_lost_packets", "Packets that were missing at first.", "lost_packets"),
    ("producer_recovered_packets", "Of these those that came when sent again.", "recovered_packets"),
    ("producer_dropped_packets", "Of these those that came too late or never.", "dropped_packets"),
)


def channel_metrics(channels: Iterable[Facts]) -> Iterator[Metric]:
    """Make the metrics of single channels, of the `MAX_CHANNELS` with most subscribers."""
    shown = sorted(channels, key=lambda one: -one["subscribers"]["count"])[:MAX_CHANNELS]
    for name, help_text, value in _OF_CHANNEL:
        yield _gauges(name, help_text, "channel", {one["id"]: value(one) for one in shown})
    for name, help_text, value in _OF_CHANNEL_COUNTED:
        yield _counters(name, help_text, "channel", {one["id"]: value(one) for one in shown})
    for name, help_text, key in _OF_PRODUCER_COUNTED:
        yield _counters(name, help_text, "channel", {one["id"]: one["received"][key] for one in shown})
    live = [one for one in shown if one["producer"] is not None]
    rtt_seconds = {one["id"]: one["producer"]["rtt_ms"] / 1e3 for one in live}
    yield _gauges("producer_rtt_seconds", "Round trip to the producer.", "channel", rtt_seconds)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"headrace_{name}", help_text, value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"headrace_{name}", help_text, value)


def _gauges(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    metric = GaugeMetricFamily(f"headrace_{name}", help_text, labels=[label])
    for of, value in values.items():
        metric.add_metric([of], value)
    return metric


def _counters(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    metric = CounterMetricFamily(f"headrace_{name}", help_text, labels=[label])
    for of, value in values.items():
        metric.add_metric([of], value)
    return metric
