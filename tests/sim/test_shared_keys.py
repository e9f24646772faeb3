"""Subscribers that share a key open nothing with a wrong one, whatever the network does to what they are told.

They take keys as libsrt does: whatever message comes last counts, even if it is an old one.
"""

from random import Random, SystemRandom

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import BROKER, MS, World
from tests.support.long_runs import only_long
from tests.support.sealed import LastMessageCounts, parity_of
from tests.support.srt_datagrams import kind_of

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.caller import CallerOptions
from headrace.srt.key_exchange import KeyRefresh, OpeningKeys
from headrace.srt.listener import ListenerOptions
from headrace.srt.packet import ControlType
from headrace.srt.session_keys import Parity

PASSPHRASE = "correct horse battery"
SECRET = ChannelRule("A", passphrase=PASSPHRASE)
OFTEN = KeyRefresh(period_packets=50, announce_packets=20)
PRODUCER = encode_sockaddr("10.3.0.1", 5000)
LATENCY_MS = 1000
FRESH = SystemRandom().randrange(1 << 32)
"""Failed? Put it among the fixed ones, and mend the cause."""
SEEDS = [1, only_long(FRESH, id="fresh")]


class Viewers:
    """A channel with a producer on a good link, and subscribers that come one after the other on bad ones.

    Attributes:
        sent: All payloads so far.
        callers: The subscribers, gone ones too.
    """

    def __init__(self, seed: int, link: SimLink) -> None:
        print("seed", seed)
        directory = Directory.of(1, [SECRET], is_open=True)
        options = ListenerOptions(key_refresh=OFTEN)
        self.world = World(seed, gather_us=5 * MS, link=link, options=options, directory=directory)
        self.world.network.connect(PRODUCER, BROKER, SimLink(), SimLink())
        self._producer = self.world.join_with(self._options("publish:A"), PRODUCER)
        self._host = 0
        self.sent: set[bytes] = set()
        self.callers: list[CallerPort] = []

    def _options(self, stream_id: str) -> CallerOptions:
        return CallerOptions(
            stream_id=stream_id,
            receive_latency_ms=LATENCY_MS,
            peer_latency_ms=LATENCY_MS,
            passphrase=PASSPHRASE,
        )

    def call(self) -> None:
        caller = self.world.call_with(self._options("A"))
        hear = caller.handle_datagram

        def hear_as_libsrt(datagram: bytes, address: bytes, now_us: int) -> None:
            hear(datagram, address, now_us)
            connection = caller.caller.connection
            if connection is not None and type(connection.opening) is OpeningKeys:
                connection.opening = LastMessageCounts(connection.opening.keys, PASSPHRASE)

        caller.handle_datagram = hear_as_libsrt  # type: ignore[method-assign]
        self.callers.append(caller)

    def play(self, seconds: float) -> None:
        """Stream 50 packets a second."""
        self.sent.update(self.world.send(self._producer, int(50 * seconds), interval_us=20 * MS))

    def opened_wrongly(self) -> list[int]:
        """Return how many packets each opened with another key than they had been sealed with."""
        return [sum(payload not in self.sent for payload in caller.payloads) for caller in self.callers]

    def data(self) -> list[bytes]:
        """Return the data packets that came, of all subscribers."""
        came = [datagram for caller in self.callers for _, datagram in caller.datagrams]
        return [datagram for datagram in came if kind_of(datagram) is None]

    def delivered(self) -> list[int]:
        """Return how many packets each got."""
        return [len(caller.payloads) for caller in self.callers]


@pytest.mark.parametrize("seed", SEEDS)
def test_under_heavy_loss_nobody_opens_a_packet_with_a_wrong_key(seed: int) -> None:
    viewers = Viewers(seed, SimLink(latency_us=20 * MS, jitter_us=5 * MS, loss=0.4))
    for _ in range(6):
        viewers.call()
        viewers.play(0.5)
    viewers.play(2)
    assert not any(viewers.opened_wrongly())
    # Of a new seed it may be that more of them have no connection.
    if seed != FRESH:
        assert sum(count > 0 for count in viewers.delivered()) >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_however_late_a_key_s_message_comes_again_nobody_opens_a_packet_with_a_wrong_key(seed: int) -> None:
    viewers = Viewers(seed, SimLink(latency_us=20 * MS, loss=0.05))
    random = Random(seed)

    def repeat_late(datagram: bytes, sender: bytes, _: bytes) -> tuple[int, ...]:
        if sender != BROKER or kind_of(datagram) != ControlType.USER_DEFINED:
            return (0,)
        return (0, random.randrange(900 * MS)) if random.random() < 0.5 else (random.randrange(900 * MS),)

    viewers.world.network.meddle = repeat_late
    for _ in range(6):
        viewers.call()
        viewers.play(0.5)
    viewers.play(2)
    assert not any(viewers.opened_wrongly())
    assert all(viewers.delivered())
    assert viewers.world.endpoint.dropped_subscribers == {}
    assert {parity_of(datagram) for datagram in viewers.data()} == {Parity.EVEN, Parity.ODD}
