"""Each fan-out kernel gives what its scalar twin gives, packet by packet."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.base.datagram_batch import I64Array, U8Array, U32Array
from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.fanout.acknowledgements import ACK_WORDS, decode_acks, settle_acks
from headrace.fanout.headers import burst_headers, control_packets, message_words, single_headers
from headrace.fanout.subscriber_table import ROW_DTYPE, SubscriberColumns, SubscriberTable
from headrace.srt.packet import (
    Acknowledgement,
    ControlType,
    decode_ack,
    decode_header,
    encode_control,
    encode_data_header,
    message_word,
)
from headrace.srt.sender import Sender, message_number

WORDS = st.integers(0, 0xFFFF_FFFF)
SEQNOS = st.one_of(st.integers(0, SEQNO_MASK), st.integers(SEQNO_MASK - 20, SEQNO_MASK), st.integers(0, 20))
TIMES_US = st.one_of(st.integers(0, 1 << 40), st.integers((1 << 32) - 1_000, (1 << 32) + 1_000))
INDICES = st.one_of(st.integers(0, 1 << 40), st.integers((1 << 31) - 5, (1 << 31) + 5), st.integers(0, 1 << 27))


@st.composite
def subscribers(draw: st.DrawFn) -> SubscriberColumns:
    n = draw(st.integers(0, 5))

    def column(values: st.SearchStrategy[int], dtype: type) -> I64Array:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)), dtype)

    return SubscriberColumns(
        rows=np.arange(n, dtype=np.intp),
        address=np.zeros((n, 28), np.uint8),
        peer_socket_id=column(WORDS, np.uint32).astype(np.uint32),
        seqno_offset=column(st.integers(-(1 << 41), SEQNO_MASK), np.int64),
        epoch_us=(epoch_us := column(TIMES_US, np.int64)),
        earliest_us=epoch_us + column(st.one_of(st.just(0), st.integers(0, 1 << 33)), np.int64),
        start_index=np.zeros(n, np.int64),
    )


def scalar_header(columns: SubscriberColumns, who: int, index: int, word: int, time_us: int) -> bytes:
    return encode_data_header(
        seqno=(index + int(columns.seqno_offset[who])) % (1 << 31),
        message_word=word,
        timestamp_us=max(time_us, int(columns.earliest_us[who])) - int(columns.epoch_us[who]),
        dst_socket_id=int(columns.peer_socket_id[who]),
    )


@given(columns=subscribers(), packets=st.lists(st.tuples(INDICES, WORDS, TIMES_US), max_size=5))
def test_burst_headers_are_the_data_headers_of_one_after_the_other(
    columns: SubscriberColumns, packets: list[tuple[int, int, int]]
) -> None:
    table = np.array(packets, np.int64).reshape(-1, 3)
    headers = burst_headers(indices=table[:, 0], message_words=table[:, 1], times_us=table[:, 2], columns=columns)
    assert headers.tobytes() == b"".join(
        scalar_header(columns, who, *packet) for who in range(len(columns.rows)) for packet in packets
    )
    assert (headers[:, :, 0] < 128).all()


@given(data=st.data(), columns=subscribers())
def test_single_headers_are_the_data_headers_of_one_after_the_other(
    data: st.DataObject, columns: SubscriberColumns
) -> None:
    n = len(columns.rows)
    packets = data.draw(st.lists(st.tuples(INDICES, WORDS, TIMES_US), min_size=n, max_size=n))
    table = np.array(packets, np.int64).reshape(-1, 3)
    headers = single_headers(indices=table[:, 0], message_words=table[:, 1], times_us=table[:, 2], columns=columns)
    assert headers.tobytes() == b"".join(
        scalar_header(columns, who, *packet) for who, packet in enumerate(packets)
    )


@given(data=st.data(), columns=subscribers(), kind=st.sampled_from(ControlType), now_us=TIMES_US)
def test_control_packets_are_the_control_packets_of_one_after_the_other(
    data: st.DataObject, columns: SubscriberColumns, kind: ControlType, now_us: int
) -> None:
    n = len(columns.rows)
    info = data.draw(st.lists(WORDS, min_size=n, max_size=n))
    headers = control_packets(
        kind,
        info=np.array(info, np.uint32),
        now_us=now_us,
        epoch_us=columns.epoch_us,
        peer_socket_id=columns.peer_socket_id,
    )
    assert headers.tobytes() == b"".join(
        encode_control(
            kind,
            timestamp_us=now_us - int(columns.epoch_us[who]),
            dst_socket_id=int(columns.peer_socket_id[who]),
            info=info[who],
        )
        for who in range(n)
    )


@given(columns=subscribers(), kind=st.sampled_from(ControlType), content=st.lists(WORDS, min_size=1, max_size=4))
def test_control_packets_with_content_are_those_of_one_after_the_other(
    columns: SubscriberColumns, kind: ControlType, content: list[int]
) -> None:
    n = len(columns.rows)
    body = np.array([[(word + who) & 0xFFFF_FFFF for word in content] for who in range(n)], np.int64)
    headers = control_packets(
        kind,
        info=7,
        now_us=1 << 33,
        epoch_us=columns.epoch_us,
        peer_socket_id=columns.peer_socket_id,
        body=body.reshape(n, len(content)),
    )
    assert headers.shape == (n, 16 + 4 * len(content))
    assert headers.tobytes() == b"".join(
        encode_control(
            kind,
            timestamp_us=(1 << 33) - int(columns.epoch_us[who]),
            dst_socket_id=int(columns.peer_socket_id[who]),
            info=7,
            body=b"".join(int(word).to_bytes(4, "big") for word in body[who]),
        )
        for who in range(n)
    )


@given(st.lists(INDICES, max_size=8))
def test_message_words_are_those_of_one_sender(indices: list[int]) -> None:
    made = message_words(np.array(indices, np.int64)).tolist()
    assert made == [message_word(message_number(index)) for index in indices]
    assert all(word & 0x03FF_FFFF for word in made)


def rows_of(datagrams: list[bytes], dirt: int) -> tuple[U8Array, I64Array]:
    rows = np.full((len(datagrams), 64), dirt, np.uint8)
    for row, datagram in enumerate(datagrams):
        rows[row, : len(datagram)] = np.frombuffer(datagram, np.uint8)
    return rows, np.array([len(datagram) for datagram in datagrams], np.int64)


def ack_columns(datagrams: list[bytes], dirt: int = 0) -> tuple[U32Array, I64Array]:
    data, lengths = rows_of(datagrams, dirt)
    return data[:, : 4 * ACK_WORDS].copy().view(">u4").astype(np.uint32), lengths


ACK_DATAGRAMS = st.builds(
    lambda number, seqno, rest: encode_control(
        ControlType.ACK, timestamp_us=0, dst_socket_id=1, info=number, body=seqno.to_bytes(4, "big") + rest
    ),
    st.one_of(st.just(0), WORDS),
    st.one_of(SEQNOS, WORDS),
    st.binary(max_size=28),
)


@given(
    datagrams=st.lists(st.one_of(ACK_DATAGRAMS, st.binary(min_size=16, max_size=64)), max_size=8),
    dirt=st.integers(0, 255),
)
def test_decoded_acks_are_those_of_one_after_the_other(datagrams: list[bytes], dirt: int) -> None:
    columns = decode_acks(*ack_columns(datagrams, dirt))
    for row, datagram in enumerate(datagrams):
        try:
            ack = decode_ack(decode_header(datagram), datagram[16:])
        except PacketError:
            assert not columns.is_valid[row]
            continue
        assert columns.is_valid[row]
        assert columns.is_full[row] == (ack.rtt_us is not None)
        assert (columns.ack_number[row], columns.next_seqno[row]) == (ack.ack_number, ack.next_seqno)
        assert columns.rtt_us[row] == (ack.rtt_us or 0)
        assert columns.rtt_variance_us[row] == (ack.rtt_variance_us or 0)
        assert columns.available_packets[row] == (ack.available_buffer_packets or 0)


@given(
    first=SEQNOS,
    sent=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    acks=st.lists(
        st.tuples(st.integers(0, 2), st.integers(-30, 70), st.booleans(), st.integers(0, 1 << 20)), max_size=12
    ),
)
def test_settled_acks_leave_what_one_sender_after_the_other_is_left_with(
    first: int, sent: list[int], acks: list[tuple[int, int, bool, int]]
) -> None:
    table = SubscriberTable()
    table.rows = np.zeros(len(sent), ROW_DTYPE)
    senders = [Sender(first, 1 << 20, 0) for _ in sent]
    for row, packets in enumerate(sent):
        table.rows["seqno_offset"][row] = first
        table.rows["next_index"][row] = packets
        for _ in range(packets):
            senders[row].send(b"x", 0)
        senders[row].poll_transmissions(0)
    made: list[tuple[int, Acknowledgement]] = []
    for number, (row, ahead, is_full, value) in enumerate(acks, 1):
        next_seqno = (first + ahead) & SEQNO_MASK
        ack = Acknowledgement(number, next_seqno, value) if is_full else Acknowledgement(0, next_seqno)
        made.append((row % len(sent), ack))
    datagrams = []
    for row, ack in made:
        ack_words = [ack.next_seqno] if ack.rtt_us is None else [ack.next_seqno, ack.rtt_us, ack.rtt_us // 2, 9]
        body = b"".join(word.to_bytes(4, "big") for word in ack_words)
        datagram = encode_control(ControlType.ACK, timestamp_us=0, dst_socket_id=1, info=ack.ack_number, body=body)
        datagrams.append(datagram)
        senders[row].handle_ack(decode_ack(decode_header(datagram), body))
    settle_acks(table, np.array([row for row, _ in made], np.intp), decode_acks(*ack_columns(datagrams)), now_us=0)
    for row, sender in enumerate(senders):
        entry = table.rows[row]
        assert entry["next_index"] - entry["acked_index"] == sender.buffered_packets
        assert entry["acks_packets"] == sender.statistics.acks_received_packets
        believed = [ack for at, ack in made if at == row and ack.rtt_us is not None]
        if believed and seqno_distance(first + sent[row] & SEQNO_MASK, believed[-1].next_seqno) <= 0:
            assert entry["rtt_us"] == sender.round_trip.rtt_us
            assert entry["rtt_variance_us"] == sender.round_trip.variance_us
