"""Header kernels against bytes made by hand. The property test compares them with their twins."""

import numpy as np
import pytest
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import words

from headrace.fanout.headers import burst_headers, control_packets, message_words, single_headers
from headrace.fanout.subscriber_table import SubscriberColumns, SubscriberTable
from headrace.srt.packet import ControlType

WRAP = 1 << 31


def columns_of(*subscribers: tuple[int, int]) -> SubscriberColumns:
    """Return subscribers, each given as first sequence number (for channel packet 10) and epoch."""
    table = SubscriberTable()
    rows = [
        subscribe(table, number, next_index=10, send_seqno=seqno, epoch_us=epoch_us)
        for number, (seqno, epoch_us) in enumerate(subscribers)
    ]
    return table.gather(np.array(rows))


def test_each_subscriber_gets_each_packet_in_its_own_numbers_and_time() -> None:
    headers = burst_headers(
        indices=np.array([10, 11]),
        message_words=np.array([0xE000_000B, 0xE000_000C]),
        times_us=np.array([1_000, 3_000]),
        columns=columns_of((500, 0), (WRAP - 1, 900)),
    )
    assert headers.shape == (2, 2, 16)
    assert headers.dtype == np.uint8
    assert headers.flags.c_contiguous
    assert headers.tobytes() == b"".join(
        (
            words(500, 0xE000_000B, 1_000, 5_000),
            words(501, 0xE000_000C, 3_000, 5_000),
            words(WRAP - 1, 0xE000_000B, 100, 5_001),
            words(0, 0xE000_000C, 2_100, 5_001),
        )
    )


def test_single_headers_pair_packets_with_subscribers() -> None:
    headers = single_headers(
        indices=np.array([12, 10]),
        message_words=np.array([0xE400_000D, 0xE400_000B]),
        times_us=np.array([5_000, 5_000]),
        columns=columns_of((500, 0), (600, 1_000)),
    )
    assert headers.shape == (2, 16)
    assert headers.tobytes() == words(502, 0xE400_000D, 5_000, 5_000, 600, 0xE400_000B, 4_000, 5_001)


@pytest.mark.parametrize(
    ("time_us", "epoch_us", "expected"),
    [
        (999, 1_000, 0),
        (1_000, 1_000, 0),
        (1_001, 1_000, 1),
        ((1 << 32) + 5, 5, 0),
        ((1 << 32) + 4, 5, 0xFFFF_FFFF),
        ((1 << 33) + 7, 0, 7),
    ],
)
def test_timestamps_wrap_and_those_from_before_the_epoch_are_0(time_us: int, epoch_us: int, expected: int) -> None:
    header = single_headers(
        indices=np.array([10]),
        message_words=np.array([0]),
        times_us=np.array([time_us]),
        columns=columns_of((0, epoch_us)),
    )
    assert int.from_bytes(header[0, 8:12].tobytes(), "big") == expected


def test_a_channel_index_beyond_the_wrap_is_no_matter() -> None:
    header = single_headers(
        indices=np.array([3 * WRAP + 10]),
        message_words=np.array([0]),
        times_us=np.array([0]),
        columns=columns_of((500, 0)),
    )
    assert int.from_bytes(header[0, :4].tobytes(), "big") == 500


def test_control_packets_are_on_each_subscriber_s_clock_and_end_in_an_empty_word() -> None:
    columns = columns_of((0, 0), (0, 400))
    headers = control_packets(
        ControlType.ACKACK,
        info=np.array([7, 8], np.uint32),
        now_us=1_000,
        epoch_us=columns.epoch_us,
        peer_socket_id=columns.peer_socket_id,
    )
    assert headers.tobytes() == words(0x8006_0000, 7, 1_000, 5_000, 0, 0x8006_0000, 8, 600, 5_001, 0)


def test_one_info_word_may_do_for_all() -> None:
    columns = columns_of((0, 0), (0, 0))
    headers = control_packets(
        ControlType.KEEPALIVE, info=0, now_us=1, epoch_us=columns.epoch_us, peer_socket_id=columns.peer_socket_id
    )
    assert headers.tobytes() == words(0x8001_0000, 0, 1, 5_000, 0, 0x8001_0000, 0, 1, 5_001, 0)


def test_message_numbers_run_from_1_through_26_bits_and_never_are_0() -> None:
    top = (1 << 26) - 1
    indices = np.array([0, 1, top - 1, top, top + 1])
    assert (message_words(indices) - 0xE000_0000).tolist() == [1, 2, top, 1, 2]


def test_nobody_and_nothing_make_no_headers() -> None:
    nothing = np.zeros(0, np.int64)
    one = columns_of((1, 0))
    nobody = one.select(np.array([False]))
    burst = burst_headers(indices=nothing, message_words=nothing, times_us=nothing, columns=one)
    assert burst.shape == (1, 0, 16)
    single = single_headers(indices=nothing, message_words=nothing, times_us=nothing, columns=nobody)
    assert single.shape == (0, 16)


@pytest.mark.parametrize(("time_us", "expected"), [(0, 4_000), (4_999, 4_000), (5_001, 4_001)])
def test_what_is_older_than_a_subscriber_s_earliest_time_is_stamped_with_that(time_us: int, expected: int) -> None:
    columns = columns_of((0, 1_000), (0, 1_000))._replace(earliest_us=np.array([5_000, 1_000]))
    (mine, others), single = (
        burst_headers(
            indices=np.array([10]), message_words=np.array([0]), times_us=np.array([time_us]), columns=columns
        ),
        single_headers(
            indices=np.array([10, 10]),
            message_words=np.array([0, 0]),
            times_us=np.array([time_us, time_us]),
            columns=columns,
        ),
    )
    assert int.from_bytes(mine[0, 8:12].tobytes(), "big") == expected
    assert int.from_bytes(others[0, 8:12].tobytes(), "big") == max(time_us - 1_000, 0)
    assert single[0].tobytes() == mine[0].tobytes()
    assert single[1].tobytes() == others[0].tobytes()
