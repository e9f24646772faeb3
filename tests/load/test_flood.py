"""A flood of hostile datagrams at a real broker, in short: its subscribers lose nothing and its memory stays.

The figures are `headrace bench flood`'s; the margins here are wide, as other programs run beside.
"""

import sys

import pytest

from headrace.bench.scenarios.flood import measure_flood_once

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")]


def test_subscribers_lose_nothing_in_a_flood_and_memory_stays() -> None:
    flood = measure_flood_once(subscribers=10, datagrams_per_second=10_000, flood_seconds=6.0, full_seconds=2.0)
    assert flood.datagrams > 10_000
    # Some may still be on their way at the end on a busy machine; a broker that is drowned loses nearly all.
    assert flood.flooded.counts.missing_packets <= flood.flooded.counts.due_packets // 5
    assert flood.flooded.counts.shutdowns == 0
    assert flood.after_mb < 1.1 * flood.before_mb
    assert flood.answered_bytes <= flood.sent_bytes
