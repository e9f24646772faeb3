"""Encrypted conversations over bad networks, in virtual time: keys change midway, and so do both wraps."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.sim.test_srt_conversation import Peer
from tests.simnet.link import SimLink
from tests.simnet.network import SimNetwork
from tests.support.long_runs import seeds
from tests.support.srt_datagrams import HERE, PARAMETERS, THERE, kind_of, mirrored

from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import Connection
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.key_material import make_keys
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import ControlType, decode_header
from headrace.srt.session_keys import KeySource, SessionKeys

PASSPHRASE = "correct horse battery"
PACKETS = 3_000
INTERVAL_US = 1_000
LATENCY_US = 800_000
SEQNO_WRAP, TIMESTAMP_WRAP_US = 1 << 31, 1 << 32
START_US = 6_000_000_000
REFRESH = KeyRefresh(period_packets=500, announce_packets=250)
"""Five new keys each way in 3 s."""
BAD = SimLink(latency_us=20_000, jitter_us=2_000, loss=0.05, duplication=0.02, reordering=0.03, reorder_us=4_000)
DREADFUL = replace(BAD, loss=0.3, reordering=0.2, reorder_us=30_000)

SEEDS = seeds(2, of=6)


class Wiretap(Peer):
    """A peer that notes the key parities of the data packets that come to it, in order."""

    def __init__(self, machine: Connection | Caller | None, address: bytes) -> None:
        super().__init__(machine, address)
        self.parities: list[int] = []

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if kind_of(datagram) is None:
            self.parities.append(decode_header(datagram).key_parity)
        super().handle_datagram(datagram, address, now_us)


def secured_pair(seed: int, link: SimLink, key_length_bytes: int = 16) -> tuple[SimNetwork, Wiretap, Wiretap]:
    """Return two ends in the middle of a long connection, each of which is to send `PACKETS`."""
    epoch_us = START_US + PACKETS * INTERVAL_US // 2 - TIMESTAMP_WRAP_US
    ours = replace(
        PARAMETERS,
        send_seqno=SEQNO_WRAP - PACKETS // 2,
        receive_seqno=SEQNO_WRAP - PACKETS // 3,
        epoch_us=epoch_us,
        established_us=START_US,
        peer_timestamp_us=(START_US - epoch_us) % TIMESTAMP_WRAP_US,
        send_latency_us=LATENCY_US,
        receive_latency_us=LATENCY_US,
        keys=make_keys(PASSPHRASE, key_length_bytes, KeySource(bytes(32))),
        key_refresh=REFRESH,
    )
    theirs = replace(mirrored(ours), established_us=START_US + link.latency_us)
    network = SimNetwork(seed)
    network.clock.advance_to(START_US)
    here = Wiretap(Connection(ours, KeySource(b"h" * 32)), THERE)
    there = Wiretap(Connection(theirs, KeySource(b"t" * 32)), HERE)
    network.add_endpoint(here, HERE)
    network.add_endpoint(there, THERE)
    network.connect(HERE, THERE, link, link)
    for end in (here, there):
        end.start(PACKETS, start_us=START_US)
    return network, here, there


def switches(parities: list[int]) -> int:
    return sum(one != other for one, other in pairwise(parities))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key_length_bytes", [16, 24, 32])
def test_keys_change_both_ways_over_a_bad_network_and_nothing_is_lost(seed: int, key_length_bytes: int) -> None:
    network, here, there = secured_pair(seed, BAD, key_length_bytes)
    network.run_for(PACKETS * INTERVAL_US + 3_000_000)
    for end, other in ((here, there), (there, here)):
        assert end.numbers == list(range(PACKETS))
        assert end.connection.statistics.receiver.dropped_packets == 0
        assert set(end.parities) == {1, 2}
        assert switches(end.parities) >= 5
        sealing, opening = other.connection.sealing, end.connection.opening
        assert sealing is not None
        assert opening is not None
        assert opening.keys.key(sealing.parity) == sealing.key


@pytest.mark.parametrize("seed", SEEDS)
def test_on_a_dreadful_network_nothing_that_comes_out_is_anything_but_what_went_in(seed: int) -> None:
    network, here, there = secured_pair(seed, DREADFUL)
    network.run_for(PACKETS * INTERVAL_US + 3_000_000)
    for end in (here, there):
        assert len(end.numbers) > 0.9 * PACKETS
        # A payload opened with a wrong key would be a number far beyond, in 4 bytes of noise.
        assert end.numbers == sorted(set(end.numbers))
        assert end.numbers[-1] < PACKETS
        assert end.connection.close_reason is None
        assert set(end.connection.statistics.ignored_packets) <= {"no_such_key", "key_material_too_often"}


class SecuredListener(Wiretap):
    """A listener with a passphrase that takes one caller."""

    def __init__(self, address: bytes) -> None:
        super().__init__(None, address)
        self.listener = Listener(ListenerOptions(), bytes(16))
        self.agreed: list[SessionKeys] = []
        self._answers: list[tuple[bytes, bytes]] = []

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if kind_of(datagram) != ControlType.HANDSHAKE:
            super().handle_datagram(datagram, address, now_us)
            return
        answer = self.listener.handle_handshake(decode_header(datagram), datagram[16:], address, now_us)
        if isinstance(answer, ConnectionRequest):
            keys = agree_on_keys(answer.handshake, PASSPHRASE)
            assert isinstance(keys, SessionKeys)
            self.agreed.append(keys)
            answer, parameters = self.listener.accept(answer, 0x1111, now_us, keys=keys)
            self.machine = Connection(parameters, KeySource(b"l" * 32))
        if answer is not None:
            self._answers.append((answer, address))

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        answers, self._answers = self._answers, []
        return answers + super().poll_datagrams()


@pytest.mark.parametrize("seed", seeds(3, of=12))
def test_a_handshake_that_is_lost_repeated_and_reordered_agrees_on_one_key(seed: int) -> None:
    link = replace(DREADFUL, latency_us=300_000, jitter_us=50_000, duplication=0.3)
    network = SimNetwork(seed)
    network.clock.advance_to(START_US)
    options = CallerOptions(passphrase=PASSPHRASE, key_length_bytes=32, connect_timeout_us=30_000_000)
    caller = Caller(
        options, socket_id=0x2222, initial_seqno=SEQNO_WRAP - 5, now_us=START_US, key_seed=bytes([seed]) * 32
    )
    here, there = Wiretap(caller, THERE), SecuredListener(HERE)
    network.add_endpoint(here, HERE)
    network.add_endpoint(there, THERE)
    network.connect(HERE, THERE, link, link)
    while caller.connection is None:
        network.run_for(50_000)
        assert caller.error is None
    assert len(there.agreed) == 1
    assert here.connection.parameters.keys == there.agreed[0] == there.connection.parameters.keys
    first_us = network.clock.now_us
    for end in (here, there):
        end.start(30, start_us=first_us + 1_000)
    network.run_for(4_000_000)
    for end in (here, there):
        assert end.numbers == sorted(set(end.numbers))
        assert end.numbers
        assert end.numbers[-1] < 30
        assert set(end.parities) == {1}
