"""The scripts with which fuzzing the broker begins get to where its state is, and not just to its door."""

from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from tests.fuzz.broker_play import BrokerPlay
from tests.fuzz.reader import Reader
from tests.fuzz.targets.broker import seeds

from headrace.endpoints.srt_endpoint import SrtEndpoint


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


def played(script: bytes) -> SrtEndpoint:
    reader, play = Reader(script), BrokerPlay()
    while not reader.is_over:
        play.step(reader)
    play.flush()
    return play.endpoint


def test_streams_flow_are_acknowledged_asked_for_again_taken_over_and_joined_at_a_keyframe() -> None:
    totals, happened = Counter[str](), Counter[str]()
    for script in seeds():
        endpoint = played(script)
        entries = endpoint.table.rows[endpoint.table.used()]
        for name in ("sent_packets", "resent_packets", "naks_packets", "acks_packets", "acked_index"):
            totals[name] += int(entries[name].sum())
        for channel in endpoint.hub.channels.values():
            totals["keyframe_starts"] += channel.keyframe_starts
            happened.update(channel.succession.switches)
        happened.update(str(event.facts.get("reason", "")) for event in endpoint.events.newest)
    assert totals["sent_packets"] > 50
    assert totals["resent_packets"] > 10
    assert min(totals[name] for name in ("naks_packets", "acks_packets", "acked_index", "keyframe_starts")) > 0
    assert {"first", "takeover", "silence", "peer_shutdown", "timeout"} <= set(happened)
