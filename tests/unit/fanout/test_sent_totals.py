"""How much was sent in all."""

from headrace.fanout.sent_totals import SentTotals


def test_each_sum_grows_by_itself() -> None:
    totals = SentTotals()
    totals.add(sent_packets=3, sent_payload_bytes=3_948)
    totals.add(resent_packets=2)
    totals.add(sent_packets=1, sent_payload_bytes=1_316, resent_packets=1)
    assert totals == SentTotals(4, 5_264, 3)
