"""Which of the packets that are nobody's are a subscriber's behind another port."""

import numpy as np
import pytest
import structlog
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import control

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.subscriber_log import SubscriberLog
from headrace.endpoints.subscriber_moves import SubscriberMoves
from headrace.fanout.rebinding import MAX_REBIND_CHECKS_PER_BATCH
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.srt.packet import ControlType
from headrace.srt.rebinding import KEEPALIVE_REBIND_SILENCE_US

ELSEWHERE = encode_sockaddr("10.0.0.1", 7777)
LATER_US = 60_000_000


class Scene:
    def __init__(self) -> None:
        self.table = SubscriberTable()
        self.channel = Channel("A", self.table)
        self.row = subscribe(self.table, 1)
        self.channel.subscribers.add(self.row)
        self.moves = SubscriberMoves(self.table, {self.row: self.channel}, SubscriberLog(EventLog()))

    def follow(
        self, *, times: int = 1, strangers: int = 0, now_us: int = LATER_US, address: bytes = ELSEWHERE
    ) -> bool:
        batch = DatagramBatch(strangers + times)
        own = int(self.table.rows["socket_id"][self.row])
        for _ in range(strangers):
            batch.append(control(ControlType.CONGESTION_WARNING, to=own), address)
        for _ in range(times):
            batch.append(control(ControlType.KEEPALIVE, to=own), address)
        return self.moves.follow(PacketColumns.of(batch), np.arange(strangers + times), LATER_US)

    @property
    def address(self) -> bytes:
        assert self.channel.subscribers.columns.address.tobytes() == bytes(self.table.rows["address"][self.row])
        return bytes(self.table.rows["address"][self.row])


def test_one_that_moved_is_followed_once_and_that_is_logged() -> None:
    scene = Scene()
    with structlog.testing.capture_logs() as lines:
        assert scene.follow(times=3)
    assert scene.address == ELSEWHERE
    assert scene.table.rows["heard_us"][scene.row] == LATER_US
    assert [(line["event"], line["address"]) for line in lines] == [("subscriber moved", "10.0.0.1:7777")]


def test_nobody_is_followed_to_another_host_or_while_it_is_heard() -> None:
    scene = Scene()
    before = scene.address
    assert not scene.follow(address=encode_sockaddr("10.0.0.2", 7777))
    scene.table.rows["heard_us"][scene.row] = LATER_US - KEEPALIVE_REBIND_SILENCE_US + 1
    assert not scene.follow()
    assert scene.address == before


@pytest.mark.parametrize(
    ("strangers", "is_followed"), [(MAX_REBIND_CHECKS_PER_BATCH - 1, True), (MAX_REBIND_CHECKS_PER_BATCH, False)]
)
def test_so_many_packets_of_a_batch_are_looked_at(strangers: int, is_followed: bool) -> None:
    assert Scene().follow(strangers=strangers) is is_followed
