"""What a broker does, for Prometheus."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.service.broker import Broker, BrokerConfig
from headrace.web import metrics
from headrace.web.metrics import WebFigures, render_metrics


@pytest.fixture(scope="module")
def status() -> dict[str, Any]:
    """Return the status of a real broker, with a channel that is watched."""

    async def run() -> dict[str, Any]:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            document = await broker.desk.document()
            broker.endpoint.hub.open_channel("A")
            return {**document, "channels": (await broker.desk.document())["channels"]}

    return asyncio.run(run())


def read(text: bytes) -> dict[tuple[str, str], float]:
    """Return the value of each series by its name and only label."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_sums_are_those_of_the_status(status: dict[str, Any]) -> None:
    broker = {
        **status["broker"],
        "refused_connections": {"2401": 3, "2404": 2},
        "ended_rights": {"kicked": 1},
        "subscribers": 12,
    }
    series = read(render_metrics({**status, "broker": broker}, WebFigures(5, 1, 2, 9, 3), with_channels=False))
    assert series["headrace_subscribers", ""] == 12
    assert series["headrace_refused_connections_total", "2401"] == 3
    assert series["headrace_ended_rights_total", "kicked"] == 1
    assert series["headrace_channels", "waiting"] == 1
    assert series["headrace_channels", "live"] == 0
    assert series["headrace_http_requests_total", ""] == 5
    assert series["headrace_chat_lines_total", ""] == 9
    assert series["headrace_info", broker["headrace_version"]] == 1


def test_no_channel_is_named_to_who_may_not_see_them_all(status: dict[str, Any]) -> None:
    labels = {label for _, label in read(render_metrics(status, WebFigures(), with_channels=False))}
    assert "A" not in labels
    series = read(render_metrics(status, WebFigures(), with_channels=True))
    assert series["headrace_channel_live", "A"] == 0
    assert series["headrace_channel_sent_packets_total", "A"] == 0


def test_what_a_channel_has_sent_counts_those_who_have_left(status: dict[str, Any]) -> None:
    (one,) = status["channels"]
    sums = {"sent_packets": 40, "sent_payload_bytes": 52_640, "resent_packets": 6}
    connected = {**one["subscribers"], **dict.fromkeys(sums, 1)}
    channel = {**one, "sent": sums, "subscribers": connected}
    series = read(render_metrics({**status, "channels": [channel]}, WebFigures(), with_channels=True))
    assert series["headrace_channel_sent_packets_total", "A"] == 40
    assert series["headrace_channel_sent_bytes_total", "A"] == 52_640
    assert series["headrace_channel_resent_packets_total", "A"] == 6


def test_a_producers_figures_are_its_channels(status: dict[str, Any]) -> None:
    names = ("received_packets", "received_payload_bytes", "lost_packets", "recovered_packets", "dropped_packets")
    received = {name: at for at, name in enumerate(names, 1)}
    producer = {**dict.fromkeys(names, 0), "rtt_ms": 20.0}  # has just taken over
    channel = {**status["channels"][0], "state": "live", "received": received, "producer": producer}
    series = read(render_metrics({**status, "channels": [channel]}, WebFigures(), with_channels=True))
    assert series["headrace_producer_received_packets_total", "A"] == 1
    assert series["headrace_producer_dropped_packets_total", "A"] == 5
    assert series["headrace_producer_rtt_seconds", "A"] == 0.02


def test_what_is_re_encoded_is_counted(status: dict[str, Any]) -> None:
    (one,) = status["channels"]
    recoded = {"pictures": 75, "left_out_pictures": 4, "failures": 1}
    changed = {
        "broker": {**status["broker"], "recoded_channels": 1},
        "channels": [{**one, "recoding": None, "recoded": recoded}, {**one, "id": "B", "recoding": None}],
    }
    series = read(render_metrics({**status, **changed}, WebFigures(), with_channels=True))
    assert series["headrace_recoded_channels", ""] == 1
    assert series["headrace_channel_recoded_pictures_total", "A"] == 75
    assert series["headrace_channel_recoding_left_out_pictures_total", "A"] == 4
    assert series["headrace_channel_recoding_failures_total", "A"] == 1
    assert series["headrace_channel_recoded_pictures_total", "B"] == 0


def test_of_many_channels_those_with_most_viewers_are_named(
    status: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_CHANNELS", 2)
    (one,) = status["channels"]
    channels = [
        {**one, "id": f"c{count}", "subscribers": {**one["subscribers"], "count": count}} for count in range(5)
    ]
    series = read(render_metrics({**status, "channels": channels}, WebFigures(), with_channels=True))
    assert {label for name, label in series if name == "headrace_channel_live"} == {"c4", "c3"}


def test_counters_say_that_they_are_and_gauges_do_not(status: dict[str, Any]) -> None:
    text = render_metrics(status, WebFigures(), with_channels=True).decode()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("headrace")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.name.endswith("_total") is (family.type == "counter")
