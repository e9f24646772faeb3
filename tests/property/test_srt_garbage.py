"""No datagram makes an SRT machine raise, grow without bound, or leave a drop uncounted."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.srt_datagrams import PARAMETERS, SOCKET_ID, THERE, words

from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import Connection
from headrace.srt.handshake import Handshake, HandshakeType, encode_handshake
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import Header, decode_header

EPOCH_US = PARAMETERS.epoch_us
WINDOW_PACKETS = 64
SMALL = replace(
    PARAMETERS, flow_window_packets=WINDOW_PACKETS, peer_window_packets=WINDOW_PACKETS, send_latency_us=0
)
COOKIE: int = Listener(ListenerOptions(), bytes(16)).cookie(THERE, 0)

WORDS = st.one_of(
    st.integers(0, 0xFFFF_FFFF),
    st.integers(90, 120),
    st.integers(490, 600),
    st.integers(490, 600).map(lambda seqno: seqno | 0x8000_0000),
    st.sampled_from([0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]),
)
FIRST_WORDS = st.one_of(
    st.integers(0, 10).map(lambda kind: 0x8000_0000 | kind << 16),
    st.integers(490, 600),
    st.integers(0, 0xFFFF_FFFF),
)
BODIES = st.one_of(st.lists(WORDS, max_size=12).map(lambda made: words(*made)), st.binary(max_size=80))
DATAGRAMS = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda first, second, timestamp_us, body: words(first, second, timestamp_us, SOCKET_ID) + body,
        FIRST_WORDS,
        st.one_of(st.just(0xE000_0001), WORDS),
        WORDS,
        BODIES,
    ),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(DATAGRAMS, st.integers(0, 300_000)), max_size=25))
def test_a_connection_survives_everything(story: list[tuple[bytes, int]]) -> None:
    here = Connection(SMALL)
    now_us = EPOCH_US
    delivered: list[int] = []
    for datagram, pause_us in story:
        ignored = here.statistics.ignored_packets.total()
        received = here.statistics.receiver.received_packets
        is_open = here.close_reason is None
        is_data = len(datagram) >= 16 and datagram[0] < 0x80
        here.handle_datagram(datagram, now_us)
        if is_open and (len(datagram) < 16 or is_data):
            counted = here.statistics.ignored_packets.total() - ignored
            assert counted + here.statistics.receiver.received_packets - received == 1
        if here.close_reason is None:
            here.send(b"x", now_us)
        now_us += pause_us
        here.handle_timer(now_us)
        delivered += [item.packet_index for item in here.poll_deliveries(now_us)]
        due_us = here.poll_timer()
        assert due_us is None or due_us > now_us
        here.poll_datagrams()
    stats = here.statistics.receiver
    assert delivered == sorted(set(delivered))
    assert here.receiver.buffered_packets <= WINDOW_PACKETS
    assert len(here.receiver.losses) <= WINDOW_PACKETS
    assert stats.unique_packets >= stats.delivered_packets
    assert stats.received_packets == (
        stats.unique_packets + stats.duplicate_packets + stats.belated_packets + stats.overflowed_packets
    )
    assert all(value >= 0 for value in (stats.lost_packets, stats.dropped_packets, stats.recovered_packets))


HANDSHAKE_BYTES = st.builds(
    lambda kind, version, flags, rest: encode_handshake(
        Handshake(version, 0, flags, 5, 1500, 8192, kind, 0x2222, cookie=COOKIE)
    )
    + rest,
    st.sampled_from([*HandshakeType, 1002, 2404]),
    st.sampled_from([4, 5, 6]),
    st.sampled_from([1, 2, 5, 0x4A17]),
    st.one_of(BODIES, st.lists(st.tuples(st.integers(0, 9), BODIES), max_size=4).map(
        lambda blocks: b"".join(
            kind.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body for kind, body in blocks
        )
    )),
)  # fmt: skip


@settings(max_examples=200)
@given(st.one_of(HANDSHAKE_BYTES, st.binary(max_size=120)), WORDS)
def test_a_listener_answers_or_counts_everything(body: bytes, timestamp_us: int) -> None:
    listener = Listener(ListenerOptions(), bytes(16))
    answer = listener.handle_handshake(Header(0x8000_0000, 0, timestamp_us, 0), body, THERE, 1_000)
    assert (answer is None) == (listener.ignored_packets.total() == 1)
    if isinstance(answer, ConnectionRequest):
        reply, parameters = listener.accept(answer, 7, 1_000)
        assert decode_header(reply).dst_socket_id == answer.handshake.socket_id
        assert parameters.max_payload_bytes >= 32
        assert listener.reject(answer, 2404)
    elif answer is not None:
        assert len(answer) <= max(len(body) + 16, 64)


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=120),
            HANDSHAKE_BYTES.map(lambda body: words(0x8000_0000, 0, 9, 0x2222) + body),
            DATAGRAMS,
        ),
        max_size=6,
    )
)
def test_a_caller_survives_everything(datagrams: list[bytes]) -> None:
    caller = Caller(CallerOptions(stream_id="x"), socket_id=0x2222, initial_seqno=5, now_us=0)
    for number, datagram in enumerate(datagrams):
        ignored = caller.ignored_packets.total()
        caller.handle_datagram(datagram, number)
        is_ours = (
            len(datagram) >= 16 and decode_header(datagram)[0] >> 16 == 0x8000 and datagram[12:16] == words(0x2222)
        )
        assert caller.ignored_packets.total() - ignored == (not is_ours)
        caller.handle_timer(number)
        assert len(caller.poll_datagrams()) <= 2
    assert caller.error is None or caller.connection is None
