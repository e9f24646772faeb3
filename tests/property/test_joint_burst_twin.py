"""What leaves together for several channels is what leaves channel by channel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fanout_tables import ring_with, subscribe
from tests.support.outbox import CollectingOutbox

from headrace.fanout.burst import make_burst
from headrace.fanout.joint_burst import Part, make_joint_burst
from headrace.fanout.subscriber_table import SubscriberTable

SEQNOS = st.one_of(st.integers(0, 0x7FFF_FFFE), st.integers(0x7FFF_FFF0, 0x7FFF_FFFE))


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    table, made = SubscriberTable(), []
    for _ in range(draw(st.integers(1, 4))):
        held = draw(st.integers(1, 300))
        ring = ring_with(range(held))
        wanted = sorted(draw(st.sets(st.integers(0, held - 1), min_size=1, max_size=5)))
        rows = [
            subscribe(table, table.count, send_seqno=draw(SEQNOS), epoch_us=draw(st.integers(0, 1 << 33)))
            for _ in range(draw(st.integers(1, 3)))
        ]
        ring.lengths[ring.slots(np.array(wanted))] = draw(
            st.lists(st.integers(1, 1456), min_size=len(wanted), max_size=len(wanted))
        )
        made.append(Part(ring, np.array(wanted), table.gather(np.array(rows, np.intp))))
    return made


@given(parts())
def test_a_joint_burst_sends_what_the_bursts_of_its_parts_send(made: list[Part]) -> None:
    together, one_by_one = CollectingOutbox(), CollectingOutbox()
    joint = make_joint_burst(made)
    assert together.send_runs(joint.runs) == joint.runs.packets.sum()
    for part in made:
        burst = make_burst(part.ring, part.indices, part.columns)
        one_by_one.send_burst(burst.columns.address, burst.headers, part.ring.store, burst.slots, burst.lengths)
    assert together.take() == one_by_one.take()
    assert joint.rows.tolist() == [row for part in made for row in part.columns.rows.tolist()]
    assert joint.payload_bytes.sum() == joint.runs.lengths.sum()
