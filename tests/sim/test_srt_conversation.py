"""Whole SRT conversations between our caller and our listener over a bad network, in virtual time.

Every rule of delivery is checked against what the network really let through, for seeds that name a run for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from tests.simnet.link import SimLink
from tests.simnet.network import SimNetwork
from tests.support.long_runs import seeds
from tests.support.srt_datagrams import HERE, PARAMETERS, THERE, kind_of, mirrored

from headrace.base.seqno import unwrap_seqno
from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import Connection, ConnectionParameters
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import ControlType, decode_header
from headrace.srt.receiver import Delivery

PACKETS = 10_000
INTERVAL_US = 1_000
SEQNO_WRAP, TIMESTAMP_WRAP_US = 1 << 31, 1 << 32
START_US = 6_000_000_000
"""More than 2**32 us, so that an epoch can lie a timestamp wrap in the past."""

SEEDS = seeds(2, of=20)
SEEDS_THAT_FAILED: tuple[int, ...] = ()
"""Each of these once showed a bug; they stay."""


@dataclass(slots=True)
class Delivered:
    """One delivery and when it was made."""

    at_us: int
    delivery: Delivery


class Peer:
    """A connection at a port of the simulated network, or a caller that becomes one.

    Args:
        machine: What takes part in the conversation.
        address: Of the other side.

    Attributes:
        delivered: What has come out, and when.
        first_copies_us: When each packet first came in, by index.
    """

    def __init__(self, machine: Connection | Caller | None, address: bytes) -> None:
        self.machine = machine
        self.address = address
        self.delivered: list[Delivered] = []
        self.first_copies_us: dict[int, int] = {}
        self.to_send: Callable[[int], int | None] | None = None
        self._newest_index: int | None = None
        self._next_send_us: int | None = None

    @property
    def connection(self) -> Connection:
        assert isinstance(self.machine, Connection)
        return self.machine

    def start(self, packets: int, *, start_us: int, interval_us: int = INTERVAL_US) -> None:
        """Send ``packets`` numbered packets, one every ``interval_us``."""
        self._next_send_us = start_us
        left = iter(range(packets))

        def send(now_us: int) -> int | None:
            number = next(left, None)
            if number is None:
                return None
            self.connection.send(number.to_bytes(4, "big"), now_us)
            return now_us + interval_us

        self.to_send = send

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if self.machine is None:
            return
        if isinstance(self.machine, Connection) and kind_of(datagram) is None:
            self._note_copy(decode_header(datagram).word0, now_us)
        self.machine.handle_datagram(datagram, now_us)
        if isinstance(self.machine, Caller) and self.machine.connection is not None:
            self.machine = self.machine.connection
        self._deliver(now_us)

    def _note_copy(self, seqno: int, now_us: int) -> None:
        if self._newest_index is None:
            self._newest_index = self.connection.parameters.receive_seqno
        index = unwrap_seqno(seqno, self._newest_index)
        self._newest_index = max(self._newest_index, index)
        self.first_copies_us.setdefault(index, now_us)

    def handle_timer(self, now_us: int) -> None:
        if self.machine is None:
            return
        if self.to_send is not None and self._next_send_us is not None and now_us >= self._next_send_us:
            self._next_send_us = self.to_send(now_us)
        due_us = self.machine.poll_timer()
        if due_us is not None and now_us >= due_us:
            self.machine.handle_timer(now_us)
        self._deliver(now_us)

    def _deliver(self, now_us: int) -> None:
        if isinstance(self.machine, Connection):
            self.delivered += [Delivered(now_us, item) for item in self.machine.poll_deliveries(now_us)]

    def poll_timer(self) -> int | None:
        if self.machine is None:
            return None
        times = [self.machine.poll_timer(), self._next_send_us]
        if isinstance(self.machine, Connection):
            times.append(self.machine.poll_delivery_timer())
        return min((time for time in times if time is not None), default=None)

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        if self.machine is None:
            return []
        return [(datagram, self.address) for datagram in self.machine.poll_datagrams()]

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(item.delivery.payload, "big") for item in self.delivered]


class ListeningPeer(Peer):
    """A listener that accepts whoever comes, once."""

    def __init__(self, address: bytes, options: ListenerOptions) -> None:
        super().__init__(None, address)
        self.listener = Listener(options, bytes(16))
        self.requests = 0
        self._answers: list[tuple[bytes, bytes]] = []

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if kind_of(datagram) != ControlType.HANDSHAKE:
            super().handle_datagram(datagram, address, now_us)
            return
        answer = self.listener.handle_handshake(decode_header(datagram), datagram[16:], address, now_us)
        if isinstance(answer, ConnectionRequest):
            self.requests += 1
            answer, parameters = self.listener.accept(answer, 0x1111, now_us)
            self.machine = Connection(parameters)
        if answer is not None:
            self._answers.append((answer, address))

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        answers, self._answers = self._answers, []
        return answers + super().poll_datagrams()


@dataclass(slots=True)
class Conversation:
    """A sender at HERE and a receiver at THERE, in the middle of a long connection."""

    network: SimNetwork
    sender: Peer
    receiver: Peer
    packets: int = field(default=PACKETS)

    def finish(self, spare_us: int = 3_000_000) -> None:
        self.network.run_for(self.packets * INTERVAL_US + spare_us)


def established(
    seed: int,
    there: SimLink,
    back: SimLink,
    *,
    latency_us: int,
    packets: int = PACKETS,
    first_seqno: int = SEQNO_WRAP - 5_000,
    flow_window_packets: int = 8192,
) -> Conversation:
    """Return a connection whose sequence numbers and timestamps both wrap midway."""
    epoch_us = START_US + packets * INTERVAL_US // 2 - TIMESTAMP_WRAP_US
    ours = replace(
        PARAMETERS,
        send_seqno=first_seqno,
        receive_seqno=SEQNO_WRAP - 3,
        epoch_us=epoch_us,
        established_us=START_US,
        peer_timestamp_us=(START_US - epoch_us) % TIMESTAMP_WRAP_US,
        send_latency_us=latency_us,
        receive_latency_us=latency_us,
        peer_window_packets=flow_window_packets,
        flow_window_packets=flow_window_packets,
    )
    network = SimNetwork(seed)
    network.clock.advance_to(START_US)
    sender, receiver = Peer(Connection(ours), THERE), Peer(Connection(_seen_from_there(ours, there)), HERE)
    network.add_endpoint(sender, HERE)
    network.add_endpoint(receiver, THERE)
    network.connect(HERE, THERE, there, back)
    sender.start(packets, start_us=START_US)
    return Conversation(network, sender, receiver, packets)


def _seen_from_there(ours: ConnectionParameters, there: SimLink) -> ConnectionParameters:
    # The time base of a receiver includes the way of the handshake, as in life.
    return replace(mirrored(ours), established_us=ours.established_us + there.latency_us)


def check_rules(talk: Conversation) -> None:
    """Check that deliveries are ordered, single, never early, and leave nothing out that was there in time."""
    first = talk.sender.connection.parameters.send_seqno
    latency_us = talk.receiver.connection.receiver.clock.latency_us
    indices = [item.delivery.packet_index for item in talk.receiver.delivered]
    assert indices == sorted(set(indices))
    assert talk.receiver.numbers == [index - first for index in indices]
    path_us = talk.network.link(HERE, THERE).link.latency_us
    start_us = START_US + path_us + latency_us
    due_us = {first + number: start_us + number * INTERVAL_US for number in range(talk.packets)}
    drift_us = abs(talk.receiver.connection.receiver.clock.drift_us) + 5_000
    for item in talk.receiver.delivered:
        index = item.delivery.packet_index
        assert item.at_us >= item.delivery.origin_us + latency_us
        came_us = talk.receiver.first_copies_us[index]
        assert abs(item.at_us - max(due_us[index], came_us)) <= drift_us
    in_time = {index for index, at_us in talk.receiver.first_copies_us.items() if at_us < due_us[index] - drift_us}
    assert in_time <= set(indices)


BOTH_WAYS_BAD = SimLink(
    latency_us=20_000, jitter_us=2_000, loss=0.05, duplication=0.02, reordering=0.03, reorder_us=4_000
)
CLEAN = SimLink(latency_us=20_000)


@pytest.mark.parametrize("seed", [*SEEDS, *SEEDS_THAT_FAILED])
def test_ten_thousand_packets_cross_a_bad_network_and_both_wraps(seed: int) -> None:
    talk = established(seed, BOTH_WAYS_BAD, BOTH_WAYS_BAD, latency_us=800_000)
    talk.finish()
    check_rules(talk)
    assert talk.receiver.numbers == list(range(PACKETS))
    stats = talk.receiver.connection.statistics.receiver
    assert stats.dropped_packets == 0
    assert stats.recovered_packets > PACKETS * 0.04
    assert talk.sender.connection.sender.buffered_packets == 0
    assert not talk.sender.connection.statistics.ignored_packets
    assert not talk.receiver.connection.statistics.ignored_packets


@pytest.mark.parametrize("seed", [*seeds(1, of=5), *SEEDS_THAT_FAILED])
def test_a_latency_too_short_for_the_path_loses_packets_but_breaks_no_rule(seed: int) -> None:
    talk = established(seed, BOTH_WAYS_BAD, BOTH_WAYS_BAD, latency_us=50_000, packets=3_000)
    talk.finish()
    check_rules(talk)
    stats = talk.receiver.connection.statistics.receiver
    assert 0 < stats.dropped_packets < 3_000 * 0.05
    assert stats.delivered_packets + stats.dropped_packets == 3_000
    assert stats.unique_packets == stats.delivered_packets
    assert stats.received_packets == stats.unique_packets + stats.duplicate_packets + stats.belated_packets


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_losses_in_long_bursts_are_recovered(seed: int) -> None:
    bursty = SimLink(latency_us=20_000, loss=0.1, mean_burst_packets=40)
    talk = established(seed, bursty, bursty, latency_us=1_500_000, packets=5_000)
    talk.finish()
    check_rules(talk)
    assert talk.receiver.numbers == list(range(5_000))


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_an_outage_of_2_s_is_recovered_whole_with_a_latency_of_3_s(seed: int) -> None:
    outage = ((START_US + 1_000_000, START_US + 3_000_000),)
    there, back = replace(BOTH_WAYS_BAD, outages=outage), replace(BOTH_WAYS_BAD, outages=outage)
    talk = established(seed, there, back, latency_us=3_000_000, packets=6_000)
    talk.finish(spare_us=6_000_000)
    check_rules(talk)
    assert talk.receiver.numbers == list(range(6_000))


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_after_an_outage_of_2_s_a_short_latency_goes_on_with_what_is_new(seed: int) -> None:
    outage = ((START_US + 1_000_000, START_US + 3_000_000),)
    there, back = replace(CLEAN, outages=outage), replace(CLEAN, outages=outage)
    talk = established(seed, there, back, latency_us=120_000, packets=5_000)
    talk.finish()
    check_rules(talk)
    numbers = talk.receiver.numbers
    assert numbers[:1_000] == list(range(1_000))
    assert numbers[-1_900:] == list(range(3_100, 5_000))
    assert talk.sender.connection.close_reason is None


def test_an_outage_longer_than_the_flow_window_goes_on_with_what_is_new() -> None:
    outage = ((START_US + 500_000, START_US + 4_500_000),)
    there, back = replace(CLEAN, outages=outage), replace(CLEAN, outages=outage)
    talk = established(1, there, back, latency_us=120_000, packets=6_000, flow_window_packets=1_000)
    talk.finish()
    assert talk.receiver.numbers[-1_000:] == list(range(5_000, 6_000))
    assert talk.sender.connection.close_reason is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tail_that_is_lost_is_recovered(seed: int) -> None:
    lossy = SimLink(latency_us=20_000, loss=0.5)
    talk = established(seed, lossy, SimLink(latency_us=20_000, loss=0.3), latency_us=3_000_000, packets=30)
    talk.finish(spare_us=10_000_000)
    assert talk.receiver.numbers == list(range(30))
    assert talk.sender.connection.sender.buffered_packets == 0


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_acks_that_are_lost_slow_nothing_down(seed: int) -> None:
    talk = established(seed, CLEAN, SimLink(latency_us=20_000, loss=0.6), latency_us=120_000, packets=3_000)
    talk.finish()
    check_rules(talk)
    assert talk.receiver.numbers == list(range(3_000))
    stats = talk.sender.connection.statistics.sender
    assert stats.resent_packets < 10
    assert stats.dropped_packets == 0


def test_with_every_ack_lost_a_sender_resends_only_probes_and_gives_up_in_time() -> None:
    talk = established(1, CLEAN, SimLink(latency_us=20_000, loss=0.999999), latency_us=120_000, packets=2_000)
    talk.finish(spare_us=1_000_000)
    assert talk.receiver.numbers == list(range(2_000))
    stats = talk.sender.connection.statistics.sender
    assert stats.resent_packets < 20
    assert stats.dropped_packets >= 1_000


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_a_flow_window_that_is_too_small_delays_but_loses_nothing(seed: int) -> None:
    talk = established(seed, CLEAN, CLEAN, latency_us=500_000, packets=3_000, flow_window_packets=200)
    talk.sender.start(3_000, start_us=START_US, interval_us=2_000)  # 250 packets fall into each latency
    talk.network.run_for(10_000_000)
    stats = talk.receiver.connection.statistics.receiver
    assert talk.receiver.numbers == sorted(set(talk.receiver.numbers))
    assert stats.dropped_packets == 0
    assert talk.sender.connection.statistics.sender.dropped_packets == 0
    assert talk.receiver.numbers == list(range(3_000))


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_both_sides_may_send_at_once(seed: int) -> None:
    talk = established(seed, BOTH_WAYS_BAD, BOTH_WAYS_BAD, latency_us=800_000, packets=3_000)
    talk.receiver.start(2_000, start_us=START_US + 100_000)
    talk.finish()
    check_rules(talk)
    assert talk.receiver.numbers == list(range(3_000))
    assert talk.sender.numbers == list(range(2_000))


def test_a_peer_that_vanishes_is_noticed_after_5_s_by_both() -> None:
    talk = established(1, CLEAN, CLEAN, latency_us=120_000, packets=100)
    talk.finish(spare_us=0)
    cut = SimLink(loss=0.999999)
    talk.network.connect(HERE, THERE, cut)
    talk.network.run_for(4_500_000)
    assert (talk.sender.connection.close_reason, talk.receiver.connection.close_reason) == (None, None)
    talk.network.run_for(1_500_000)
    assert (talk.sender.connection.close_reason, talk.receiver.connection.close_reason) == ("timeout", "timeout")


def test_an_idle_connection_lives_for_an_hour_and_delivers_right_after_it() -> None:
    talk = established(1, CLEAN, CLEAN, latency_us=120_000, packets=100)
    talk.finish(spare_us=3_600_000_000)
    assert talk.receiver.connection.close_reason is None
    before = len(talk.receiver.delivered)
    start_us = talk.network.clock.now_us
    talk.sender.start(100, start_us=start_us)
    talk.network.run_for(1_000_000)
    late = talk.receiver.delivered[before:]
    assert len(late) == 100
    assert abs(late[0].at_us - (start_us + 20_000 + 120_000)) < 1_000


HANDSHAKE_LINK = SimLink(latency_us=150_000, loss=0.3, duplication=0.3, reordering=0.3, reorder_us=60_000)


@pytest.mark.parametrize("seed", [*SEEDS, *SEEDS_THAT_FAILED])
def test_handshakes_survive_loss_doubling_and_disorder_and_open_one_connection(seed: int) -> None:
    network = SimNetwork(seed)
    options = CallerOptions(stream_id="cam1", receive_latency_ms=1_500, connect_timeout_us=20_000_000)
    calling = Peer(Caller(options, socket_id=0x2222, initial_seqno=SEQNO_WRAP - 20, now_us=1_000_000), THERE)
    listening = ListeningPeer(HERE, ListenerOptions())
    network.add_endpoint(calling, HERE)
    network.add_endpoint(listening, THERE)
    network.connect(HERE, THERE, HANDSHAKE_LINK)
    assert network.run_until_true(lambda: isinstance(calling.machine, Connection), 21_000_000)
    network.connect(HERE, THERE, replace(HANDSHAKE_LINK, loss=0.02))
    listening.start(200, start_us=network.clock.now_us)
    network.run_for(5_000_000)
    assert listening.requests == 1
    assert calling.numbers == list(range(200))
    assert calling.connection.close_reason is None
    assert listening.connection.close_reason is None


def test_data_that_overtakes_the_answer_to_a_conclusion_is_recovered() -> None:
    network = SimNetwork(1)
    options = CallerOptions(receive_latency_ms=1_500)
    calling = Peer(Caller(options, socket_id=0x2222, initial_seqno=5, now_us=1_000_000), THERE)
    listening = ListeningPeer(HERE, ListenerOptions())
    network.add_endpoint(calling, HERE)
    network.add_endpoint(listening, THERE)
    held_back = SimLink(latency_us=10_000, reordering=1.0, reorder_us=30_000)
    network.connect(HERE, THERE, SimLink(latency_us=10_000), held_back)
    assert network.run_until_true(lambda: listening.requests == 1, 2_000_000)
    network.link(THERE, HERE, SimLink(latency_us=10_000))
    listening.start(50, start_us=network.clock.now_us)
    network.run_for(4_000_000)
    assert calling.numbers == list(range(50))
    assert calling.connection.statistics.receiver.recovered_packets > 0
