"""Encrypted channels between real programs: AES of every length, keys that change, and who is refused how.

Debian's programs have libsrt 1.5.1, with which every subscriber has a key of its own.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.broker_here import BrokerHere
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program
from tests.support.srt_programs import (
    PACKET_BYTES,
    UNSENT_BYTES,
    FfmpegPublisher,
    FfmpegSubscriber,
    FileSubscriber,
    PacedPublisher,
    decoded_frames,
    make_clip,
)

from headrace.access.channel_rule import ChannelRule
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.listener import ListenerOptions
from headrace.srt.rejection import RejectReason

pytestmark = pytest.mark.interop

PASSPHRASE = "correct-horse-battery"
RULE = ChannelRule("A", passphrase=PASSPHRASE)
OFTEN = ListenerOptions(key_refresh=KeyRefresh(period_packets=250, announce_packets=100))
CLIP_SECONDS = 5


def secret(key_bytes: int = 16, passphrase: str = PASSPHRASE, more: str = "") -> str:
    return f"&passphrase={passphrase}&pbkeylen={key_bytes}{more}"


@pytest.fixture
def broker() -> Iterator[BrokerHere]:
    with BrokerHere([RULE]) as here:
        yield here


def assert_all_but_the_tail(subscriber: FileSubscriber, sent: bytes) -> None:
    wait_until(lambda: subscriber.output_bytes >= len(sent) - UNSENT_BYTES, "the last packets")
    assert sent.startswith(subscriber.received())


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
def test_srt_live_transmit_publishes_and_subscribes_with_every_key_length(
    broker: BrokerHere, key_bytes: int, tmp_path: Path
) -> None:
    query = secret(key_bytes)
    with (
        FileSubscriber(broker, tmp_path, "same", query=query) as same,
        FileSubscriber(broker, tmp_path, "other", query=secret(48 - key_bytes)) as other,
    ):
        broker.wait_for_subscribers(2)
        with PacedPublisher(broker, tmp_path, query=query) as publisher:
            wait_until(lambda: len(publisher.sent) > 300 * PACKET_BYTES, "packets")
            sent = publisher.finish()
            for subscriber in same, other:
                assert_all_but_the_tail(subscriber, sent)


def test_keys_change_on_both_hops_in_mid_stream(tmp_path: Path) -> None:
    with (
        BrokerHere([RULE], OFTEN) as broker,
        FileSubscriber(broker, tmp_path, "one", query=secret(16)) as one,
        FileSubscriber(broker, tmp_path, "two", query=secret(32)) as two,
    ):
        broker.wait_for_subscribers(2)
        query = secret(32, more="&kmrefreshrate=300&kmpreannounce=100")
        with PacedPublisher(broker, tmp_path, query=query) as publisher:
            wait_until(lambda: len(publisher.sent) > 1300 * PACKET_BYTES, "packets", seconds=30)
            producer = broker.endpoint.hub.channels["A"].producer
            assert producer is not None
            opening = producer.connection.opening
            assert opening is not None
            assert opening.keys.odd is not None
            sent = publisher.finish()
            for subscriber in one, two:
                assert_all_but_the_tail(subscriber, sent)
        counted = broker.endpoint.ignored_packets
        assert not counted["no_such_key"]
        assert not counted["key_answer_mismatch"]


def test_ffmpeg_publishes_and_subscribes_encrypted(broker: BrokerHere, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CLIP_SECONDS)
    with (
        FileSubscriber(broker, tmp_path, "file", query=secret(32)) as file,
        FfmpegPublisher(broker, tmp_path, clip, loops=2, query=secret(32)) as publisher,
        FfmpegSubscriber(broker, tmp_path, query=secret(16)) as ffmpeg,
    ):
        assert publisher.wait(3 * CLIP_SECONDS + 20) == 0, publisher.log
        wait_until(lambda: ffmpeg.output_bytes > 300_000, f"video:\n{ffmpeg.log}")
        time.sleep(1)
        ffmpeg.stop()
        sent, received = publisher.copy.read_bytes(), file.received()
    assert len(received) > len(sent) // 2
    assert received in sent
    assert decoded_frames(ffmpeg.output) > 25


@pytest.mark.parametrize("stream_id", ["publish:A", "A"])
@pytest.mark.parametrize(
    ("query", "code"),
    [("", RejectReason.UNSECURE), (secret(passphrase="another-passphrase"), RejectReason.BAD_SECRET)],
)
def test_a_missing_or_wrong_passphrase_is_refused_with_its_code(
    broker: BrokerHere, stream_id: str, query: str, code: RejectReason, tmp_path: Path
) -> None:
    url = broker.url(stream_id) + query
    ends = [url, "file://con"] if stream_id == "A" else ["file://con", url]
    command = [find_program("srt-live-transmit"), "-a:no", "-loglevel", "error", *ends]
    with Program(command, tmp_path, "refused", has_stdin=True) as program:
        wait_until(lambda: broker.endpoint.refused_connections[code] > 0, f"refusal {code}:\n{program.log}")
    assert set(broker.endpoint.refused_connections) == {code}
    assert not broker.endpoint.hub.channels


def test_clear_programs_meet_encrypted_ones_where_encryption_is_not_enforced(tmp_path: Path) -> None:
    rule = ChannelRule("A", passphrase=PASSPHRASE, is_encryption_enforced=False)
    with (
        BrokerHere([rule]) as broker,
        FileSubscriber(broker, tmp_path, "clear") as clear,
        FileSubscriber(broker, tmp_path, "sealed", query=secret()) as sealed,
    ):
        broker.wait_for_subscribers(2)
        with PacedPublisher(broker, tmp_path, query=secret()) as publisher:
            wait_until(lambda: len(publisher.sent) > 200 * PACKET_BYTES, "packets")
            sent = publisher.finish()
            for subscriber in clear, sealed:
                assert_all_but_the_tail(subscriber, sent)
