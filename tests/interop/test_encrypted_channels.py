"""Encrypted channels between real programs: AES of every length, keys that change, and who is refused how.

Debian's programs have libsrt 1.5.1, with which every subscriber has a key of its own.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from tests.support.broker_here import BrokerHere
from tests.support.long_runs import only_long
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program
from tests.support.srt_programs import (
    KEYS_CHANGE,
    PACKET_BYTES,
    FfmpegPublisher,
    FfmpegSubscriber,
    FileSubscriber,
    PacedFfmpeg,
    PacedPublisher,
    RawFfmpegSubscriber,
    assert_every_byte_came,
    decoded_frames,
    make_clip,
    numbered_payloads,
)

from headrace.access.channel_rule import ChannelRule
from headrace.fanout.own_keys import KEY_FLAGS_SHIFT
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.listener import ListenerOptions
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import Parity

pytestmark = pytest.mark.interop

PASSPHRASE = "correct-horse-battery"
RULE = ChannelRule("A", passphrase=PASSPHRASE)
OFTEN = ListenerOptions(key_refresh=KeyRefresh(period_packets=250, announce_packets=100))
PACKETS = 420
"""Between the first change of keys, after 250, and the second: 2.2 s."""
CLIP_SECONDS = 3


def secret(key_bytes: int = 16, passphrase: str = PASSPHRASE, more: str = "") -> str:
    return f"&passphrase={passphrase}&pbkeylen={key_bytes}{more}"


@pytest.fixture
def broker() -> Iterator[BrokerHere]:
    with BrokerHere([RULE]) as here:
        yield here


def own_parities(broker: BrokerHere) -> set[Parity]:
    """Return which of their keys the subscribers' packets are sealed with now."""
    flags = broker.endpoint.table.rows["key_flags"][broker.endpoint.table.used()]
    return {Parity(flag >> KEY_FLAGS_SHIFT) for flag in flags.tolist()}


@pytest.mark.parametrize(
    ("publishing", "key_bytes"),
    [
        (PacedPublisher, 16),
        (PacedFfmpeg, 32),
        *(only_long(publishing, 24) for publishing in (PacedPublisher, PacedFfmpeg)),
        only_long(PacedPublisher, 32),
        only_long(PacedFfmpeg, 16),
    ],
)
def test_every_byte_comes_with_every_key_length_while_keys_change_on_both_hops(
    publishing: type[PacedPublisher], key_bytes: int, tmp_path: Path
) -> None:
    query, another = secret(key_bytes), secret(16 if key_bytes == 32 else 32)
    with (
        BrokerHere([RULE], OFTEN) as broker,
        FileSubscriber(broker, tmp_path, "same", query=query) as same,
        FileSubscriber(broker, tmp_path, "other", query=another) as other,
        RawFfmpegSubscriber(broker, tmp_path, query=query) as ffmpeg,
    ):
        broker.wait_for_subscribers(3)
        packets = islice(numbered_payloads(), PACKETS)
        with publishing(broker, tmp_path, query=query + KEYS_CHANGE, payloads=packets) as publisher:
            wait_until(lambda: len(publisher.sent) == PACKETS * PACKET_BYTES, "packets")
            sent = bytes(publisher.sent)
            wait_until(lambda: ffmpeg.output_bytes >= len(sent), "the last packets")
            assert own_parities(broker) == {Parity.ODD}
            producer = broker.endpoint.hub.channels["A"].producer
            assert producer is not None
            assert producer.connection.opening is not None
            assert producer.connection.opening.keys.odd is not None
            for subscriber in same, other, ffmpeg:
                assert_every_byte_came(subscriber, sent)
        counted = broker.endpoint.ignored_packets
        assert not counted["no_such_key"]
        assert not counted["key_answer_mismatch"]


def test_ffmpeg_publishes_and_subscribes_encrypted(broker: BrokerHere, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CLIP_SECONDS)
    with FileSubscriber(broker, tmp_path, "file", query=secret(32)) as file:
        broker.wait_for_subscribers(1)
        with (
            FfmpegPublisher(broker, tmp_path, clip, loops=2, query=secret(32)) as publisher,
            FfmpegSubscriber(broker, tmp_path, query=secret(16)) as ffmpeg,
        ):
            assert publisher.wait(3 * CLIP_SECONDS + 20) == 0, publisher.log
            wait_until(lambda: ffmpeg.output_bytes > 300_000, lambda: f"video:\n{ffmpeg.log}")
            wait_until(lambda: not broker.endpoint.hub.channels["A"].producer, "the producer's end")
            time.sleep(1)
            ffmpeg.stop()
            sent, received = publisher.copy.read_bytes(), file.received()
    # ffmpeg closes without waiting for what it has just written.
    assert len(received) > len(sent) - 100_000
    assert sent.startswith(received)
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
        wait_until(
            lambda: broker.endpoint.refused_connections[code] > 0, lambda: f"refusal {code}:\n{program.log}"
        )
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
                assert_every_byte_came(subscriber, sent)
