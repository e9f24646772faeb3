"""Lengths and ranges in control packets, with which libsrt read and wrote past its buffers before 1.5.6.

Source: Haivision/srt #3317 (CVE-2026-55869), #3319 (CVE-2026-55868), #3320, #3323, #3324.
"""

import tracemalloc
from dataclasses import replace
from functools import partial
from random import Random

import pytest
from tests.fuzz.steps import count_lines
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, World
from tests.support.srt_datagrams import PARAMETERS, control, data, kind_of, words

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.resends import MAX_RESENDS_PER_REPORT_PACKETS
from headrace.srt.connection import Connection
from headrace.srt.key_material import MAX_KEY_MATERIAL_BYTES, encode_key_material, make_keys, wrap_keys
from headrace.srt.packet import ControlType, decode_drop_request, decode_loss_report
from headrace.srt.session_keys import KeySource

KMREQ, KMRSP = 3, 4
LENGTHS = (0, 1, 3, 4, 5, 16, 32, 72, 79, 103, 104, 105, 108, 120, 1352, 1456)
"""Around a word, around a message, around libsrt's buffer of 104 bytes, and as much as a datagram holds."""
SOURCE = KeySource(bytes(32))
KEYS = make_keys("a long passphrase", 16, SOURCE)
GOOD = encode_key_material(wrap_keys(KEYS))
HIGH = 0x8000_0000


def key_message(subtype: int, body: bytes, to: int) -> bytes:
    return control(ControlType.USER_DEFINED, body, to=to)[:2] + words(subtype)[2:] + words(0, 0, to) + body


def bodies() -> list[bytes]:
    """Return bodies of all lengths: nothing, rubbish, and the beginning of a good message with more behind it."""
    rubbish = Random(1).randbytes(1456)
    return [body[:length] for length in LENGTHS for body in (bytes(1456), rubbish, GOOD + rubbish, b"\xff" * 1456)]


@pytest.fixture(params=[False, True], ids=["clear", "encrypted"])
def connection(request: pytest.FixtureRequest) -> Connection:
    if request.param:
        return Connection(replace(PARAMETERS, keys=KEYS), SOURCE)
    return Connection(PARAMETERS)


def sealing(connection: Connection) -> tuple[object, ...]:
    """Return what a connection opens and seals with."""
    opening, sealing = connection.opening, connection.sealing
    return (None if opening is None else opening.keys), (
        None if sealing is None else (sealing.parity, sealing.key)
    )


@pytest.mark.parametrize("subtype", [KMREQ, KMRSP], ids=["kmreq_3317", "kmrsp_3319"])
def test_key_messages_of_any_length_are_counted_and_change_no_key(connection: Connection, subtype: int) -> None:
    before, now_us = sealing(connection), PARAMETERS.epoch_us
    for body in bodies():
        ignored = connection.statistics.ignored_packets.total()
        connection.handle_datagram(key_message(subtype, body, PARAMETERS.socket_id), now_us)
        answers = connection.poll_datagrams()
        if body[: len(GOOD)] != body or len(body) > MAX_KEY_MATERIAL_BYTES:
            assert answers == []
            assert connection.statistics.ignored_packets.total() == ignored + 1 or subtype == KMRSP
        now_us += 200_000
    assert connection.close_reason is None
    assert sealing(connection) == before


def test_an_answer_to_a_key_that_nobody_announced_downgrades_nothing(connection: Connection) -> None:
    before = sealing(connection)
    for state in range(6):
        connection.handle_datagram(key_message(KMRSP, words(state), PARAMETERS.socket_id), PARAMETERS.epoch_us)
    assert sealing(connection) == before
    connection.send(b"secret payload", PARAMETERS.epoch_us)
    is_sealed = b"secret payload" not in b"".join(connection.poll_datagrams())
    assert is_sealed == (connection.sealing is not None)


def test_clear_packets_on_a_secured_link_are_dropped() -> None:
    connection = Connection(replace(PARAMETERS, keys=KEYS), SOURCE)
    connection.handle_datagram(data(500), PARAMETERS.epoch_us)
    assert connection.statistics.ignored_packets["clear_on_secured_link"] == 1


def address_of(world: World, peer: CallerPort) -> bytes:
    return next(address for address, port in world.network._ports.items() if port.endpoint is peer)


@pytest.mark.parametrize("stream_id", ["publish:A", "A"], ids=["producer", "subscriber"])
@pytest.mark.parametrize("subtype", [KMREQ, KMRSP], ids=["kmreq_3317", "kmrsp_3319"])
def test_a_broker_lives_through_key_messages_of_any_length_after_the_handshake(
    stream_id: str, subtype: int
) -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), world.join("A")
    peer = producer if stream_id.startswith("publish") else subscriber
    broker_id = peer.connection.parameters.peer_socket_id
    for body in bodies():
        answers = world.inject(key_message(subtype, body, broker_id), address_of(world, peer))
        assert sum(len(answer) for answer, _ in answers) <= len(body) + 16
    sent = world.send(producer, 5)
    world.run(500 * MS)
    assert subscriber.payloads[-5:] == sent


@pytest.mark.parametrize("length", range(12))
def test_a_drop_request_3320_shorter_than_its_range_is_counted(length: int) -> None:
    body = words(5, 9, 1)[:length]
    if length >= 8:
        assert decode_drop_request(body) == (5, 9)
        return
    with pytest.raises(PacketError, match="short_drop_request"):
        decode_drop_request(body)


@pytest.mark.parametrize(
    ("first", "last"),
    [(9, 5), (HIGH, 5), (5, HIGH | 9), (0, 0x4000_0000), (SEQNO_MASK, 0x3FFF_FFFF), (0xFFFF_FFFF, 0xFFFF_FFFF)],
)
def test_a_drop_request_3323_of_a_range_that_none_can_be_drops_nothing(first: int, last: int) -> None:
    connection = Connection(PARAMETERS)
    for seqno in (500, 503):
        connection.handle_datagram(data(seqno), PARAMETERS.epoch_us)
    connection.handle_datagram(control(ControlType.DROP_REQUEST, words(first, last)), PARAMETERS.epoch_us)
    assert connection.statistics.ignored_packets.total() == 1
    assert connection.receiver.losses.ranges() == [(501, 502)]


def test_a_drop_request_of_a_thousand_million_packets_moves_no_window_and_takes_no_time() -> None:
    connection = Connection(PARAMETERS)
    connection.handle_datagram(data(500), PARAMETERS.epoch_us)
    request = control(ControlType.DROP_REQUEST, words(501, 501 + 0x3FFF_FFFE))
    _, lines = count_lines(lambda: connection.handle_datagram(request, PARAMETERS.epoch_us))
    assert lines < 200
    assert connection.receiver.highest_index == 500


@pytest.mark.parametrize("tail", [words(HIGH | 7), words(HIGH | 7) + b"\0\0\0", words(HIGH | 7, HIGH | 9)])
@pytest.mark.parametrize("head", [b"", words(3), words(HIGH | 1, 2)])
def test_a_loss_report_3324_whose_last_range_has_no_end_is_taken_for_nothing(head: bytes, tail: bytes) -> None:
    with pytest.raises(PacketError, match="truncated_nak_range"):
        decode_loss_report(head + tail)
    world = World()
    producer, subscriber = world.join("publish:A"), world.join("A")
    world.send(producer, 12)
    broker_id = subscriber.connection.parameters.peer_socket_id
    report = control(ControlType.NAK, head + tail, to=broker_id)
    assert world.inject(report, address_of(world, subscriber)) == []
    assert world.ignored["truncated_nak_range"] == 1


@pytest.mark.parametrize("beyond", [1, 4096, 0x3FFF_FFFF])
def test_ranges_of_lost_packets_bring_no_more_than_what_was_sent_and_is_kept(beyond: int) -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), world.join("A")
    world.send(producer, 8)
    parameters = subscriber.connection.parameters
    first = parameters.receive_seqno
    for begin in (first, (first - beyond) & SEQNO_MASK):
        body = words(HIGH | begin, (begin + beyond) & SEQNO_MASK) * 100
        report = control(ControlType.NAK, body, to=parameters.peer_socket_id)
        answers, lines = count_lines(partial(world.inject, report, address_of(world, subscriber)))
        resent = [answer for answer, _ in answers if kind_of(answer) is None]
        assert len(resent) <= 8
        assert len(answers) - len(resent) <= 16
        assert lines < 20_000


def test_a_report_that_names_everything_again_and_again_takes_neither_memory_nor_the_others_share() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), world.join("A")
    world.send(producer, 300, interval_us=MS)
    parameters = subscriber.connection.parameters
    begin = (parameters.receive_seqno - 1000) & SEQNO_MASK
    body = words(HIGH | begin, (begin + 0x3FFF_FFFF) & SEQNO_MASK) * 180
    report = control(ControlType.NAK, body, to=parameters.peer_socket_id)
    tracemalloc.start()
    try:
        answers = world.inject(report, address_of(world, subscriber))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < sum(kind_of(answer) is None for answer, _ in answers) <= MAX_RESENDS_PER_REPORT_PACKETS
    assert most_bytes < 2_000_000
