"""The names that people's dashboards read: a change here breaks them."""

from dataclasses import fields

from headrace.srt.statistics import ConnectionStatistics, ReceiverStatistics, SenderStatistics

RECEIVER = """received_packets received_payload_bytes unique_packets lost_packets recovered_packets dropped_packets
belated_packets duplicate_packets overflowed_packets delivered_packets acks_sent_packets naks_sent_packets
ackacks_received_packets"""
SENDER = """sent_packets sent_payload_bytes resent_packets reported_lost_packets dropped_packets
acks_received_packets naks_received_packets ackacks_sent_packets"""
CONNECTION = """sender receiver rtt_us rtt_variance_us send_buffer_packets receive_buffer_packets
ignored_packets"""


def test_names_stay() -> None:
    assert [field.name for field in fields(ReceiverStatistics)] == RECEIVER.split()
    assert [field.name for field in fields(SenderStatistics)] == SENDER.split()
    assert [field.name for field in fields(ConnectionStatistics)] == CONNECTION.split()


def test_every_number_says_its_unit() -> None:
    names = [field.name for kind in (ReceiverStatistics, SenderStatistics) for field in fields(kind)]
    names += CONNECTION.split()[2:]
    assert all(name.endswith(("_packets", "_bytes", "_us")) for name in names)


def test_everything_starts_at_zero() -> None:
    statistics = ConnectionStatistics()
    assert {getattr(statistics.sender, name) for name in SENDER.split()} == {0}
    assert {getattr(statistics.receiver, name) for name in RECEIVER.split()} == {0}
    assert not statistics.ignored_packets


def test_two_connections_do_not_share_counters() -> None:
    one, other = ConnectionStatistics(), ConnectionStatistics()
    one.receiver.lost_packets += 1
    one.ignored_packets["empty_nak"] += 1
    assert (other.receiver.lost_packets, other.ignored_packets["empty_nak"]) == (0, 0)
