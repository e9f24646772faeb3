"""Peers of WebRTC over a bad network: they connect, media moves with the viewer, and who is gone is let go.

OpenSSL's clock is the simulation's too, so its repetitions are in order of time like everything else.
"""

from collections.abc import Iterator

import pytest
from tests.simnet.link import SimLink
from tests.simnet.network import SimNetwork
from tests.simnet.rtc_ports import BrowserPort, RtcPort, ports
from tests.support.long_runs import seeds
from tests.support.openssl_clock import HAS_CLOCK, openssl_clock
from tests.support.rtc_peers import ELSEWHERE, HERE, MAX_AMPLIFICATION, THERE

from headrace.webrtc.dtls import MAX_HANDSHAKE_BYTES
from headrace.webrtc.peer import CONSENT_US, SETUP_US
from headrace.webrtc.rtp import RtpPacket, encode_rtp

pytestmark = pytest.mark.skipif(not HAS_CLOCK, reason="OpenSSL's clock can be replaced on 64-bit Linux alone")

MS, SECOND = 1_000, 1_000_000


class World:
    """A broker HERE and a browser THERE."""

    def __init__(self, seed: int, link: SimLink, *, is_dtls_client: bool = False) -> None:
        self.network = SimNetwork(seed)
        self.start_us = self.network.clock.now_us
        self.lite, self.browser = ports(HERE, self.start_us, is_dtls_client=is_dtls_client, seed=seed)
        self.network.add_endpoint(self.lite, HERE)
        self.network.add_endpoint(self.browser, THERE)
        self.network.connect(HERE, THERE, link)

    def connect(self, limit_us: int = SETUP_US) -> int:
        """Play until both are connected; return how long it took."""
        both: tuple[RtcPort, BrowserPort] = (self.lite, self.browser)
        assert self.network.run_until_true(
            lambda: all(port.connected_us is not None for port in both), self.start_us + limit_us
        ), (self.lite.closed, self.browser.closed)
        return self.network.clock.now_us - self.start_us


@pytest.fixture(autouse=True)
def moved_clock() -> Iterator[list[SimNetwork]]:
    networks: list[SimNetwork] = []
    with openssl_clock(lambda: networks[-1].clock.now_us if networks else 0):
        yield networks


def world(networks: list[SimNetwork], seed: int, link: SimLink, *, is_dtls_client: bool = False) -> World:
    networks.append(SimNetwork(seed))  # whose clock is read while peers are made
    made = World(seed, link, is_dtls_client=is_dtls_client)
    networks.append(made.network)
    return made


@pytest.mark.parametrize("is_dtls_client", [False, True])
def test_without_loss_it_takes_a_check_and_two_round_trips(
    moved_clock: list[SimNetwork], is_dtls_client: bool
) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS), is_dtls_client=is_dtls_client)
    # As a server we wait for the hello of the browser, whose check has been answered; as a client we begin.
    assert made.connect() <= 121 * MS


@pytest.mark.parametrize("is_dtls_client", [False, True])
@pytest.mark.parametrize("seed", seeds(3, of=12))
def test_a_fifth_of_all_datagrams_lost_delays_a_handshake_and_does_not_end_it(
    moved_clock: list[SimNetwork], seed: int, is_dtls_client: bool
) -> None:
    link = SimLink(latency_us=20 * MS, jitter_us=5 * MS, loss=0.2)
    assert world(moved_clock, seed, link, is_dtls_client=is_dtls_client).connect() <= 16 * SECOND


@pytest.mark.parametrize("is_dtls_client", [False, True])
@pytest.mark.parametrize("seed", seeds(1, of=4))
def test_doubled_and_overtaken_datagrams_do_no_harm(
    moved_clock: list[SimNetwork], seed: int, is_dtls_client: bool
) -> None:
    link = SimLink(
        latency_us=20 * MS, jitter_us=10 * MS, loss=0.05, duplication=0.3, reordering=0.3, reorder_us=30 * MS
    )
    assert world(moved_clock, seed, link, is_dtls_client=is_dtls_client).connect() <= 3 * SECOND


@pytest.mark.parametrize("is_dtls_client", [False, True])
@pytest.mark.parametrize("number", range(6))
def test_any_one_datagram_of_the_handshake_may_be_lost_and_costs_no_more_than_a_repetition(
    moved_clock: list[SimNetwork], number: int, is_dtls_client: bool
) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS), is_dtls_client=is_dtls_client)
    seen = 0

    def lose(datagram: bytes, sender: bytes, receiver: bytes) -> tuple[int, ...]:
        nonlocal seen
        if not 20 <= datagram[0] <= 63:
            return (0,)
        seen += 1
        return () if seen == number + 1 else (0,)

    made.network.meddle = lose
    # The last flight is repeated when the peer's last one comes again, which is OpenSSL's to do, after a second.
    assert made.connect() <= 120 * MS + 1_100 * MS


def test_an_address_that_takes_no_part_in_the_handshake_gets_so_much_and_no_more(
    moved_clock: list[SimNetwork],
) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS), is_dtls_client=True)
    made.network.meddle = lambda datagram, sender, receiver: (0,) if datagram[0] < 20 else ()
    made.network.run_for(SETUP_US + SECOND)
    assert made.lite.closed == "dtls_timeout"
    checks = 100 * 200
    assert 200 < made.lite.bytes_to[THERE] <= MAX_HANDSHAKE_BYTES + checks


def test_who_falls_silent_is_let_go_after_30_s(moved_clock: list[SimNetwork]) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS))
    made.connect()
    made.network.run_for(60 * SECOND)
    assert made.lite.closed is None  # checks keep it
    made.browser.is_silent = True
    made.network.run_for(CONSENT_US - 3 * SECOND)
    assert made.lite.closed is None
    made.network.run_for(4 * SECOND)
    assert made.lite.closed == "consent_expired"


def send_video(made: World, count: int, first: int) -> None:
    for number in range(first, first + count):
        packet = encode_rtp(RtpPacket(96, number & 0xFFFF, 0, 7, number.to_bytes(4, "big")))
        made.network.call_at(
            made.network.clock.now_us + 10 * MS * (number - first),
            lambda packet=packet, number=number: made.lite.send(packet, number),  # type: ignore[misc]
        )


def test_media_follows_a_viewer_whose_address_changes(moved_clock: list[SimNetwork]) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS))
    made.connect()
    send_video(made, 200, 1)
    made.network.run_for(500 * MS)
    assert len(made.browser.media) >= 40
    made.network.connect(HERE, ELSEWHERE, SimLink(latency_us=20 * MS))
    made.network.remove_endpoint(THERE)
    made.network.add_endpoint(made.browser, ELSEWHERE)
    made.browser.move()
    before = len(made.browser.media)
    made.network.run_for(3 * SECOND)
    assert made.lite.peer.address == ELSEWHERE
    # The 3 s for which a named path is kept are over sooner, as the priorities are the same.
    assert len(made.browser.media) - before >= 140


def test_an_address_that_does_not_answer_gets_a_check_for_each_of_its_own_and_no_media(
    moved_clock: list[SimNetwork],
) -> None:
    made = world(moved_clock, 1, SimLink(latency_us=20 * MS))
    made.connect()
    made.network.connect(ELSEWHERE, HERE, SimLink())
    # What comes from THERE now says that it comes from ELSEWHERE, as a viewer with a grudge might have it.
    made.browser.move()
    stolen: list[bytes] = []

    def steal(datagram: bytes, sender: bytes, receiver: bytes) -> tuple[int, ...]:
        if sender != THERE or datagram[0] > 3:
            return (0,)
        stolen.append(datagram)
        return ()

    made.network.meddle = steal
    made.network.run_for(500 * MS)
    made.network.meddle = None
    for datagram in stolen:
        made.lite.handle_datagram(datagram, ELSEWHERE, made.network.clock.now_us)
    send_video(made, 50, 1)
    made.network.run_for(SECOND)
    assert made.lite.peer.address == THERE
    assert len(made.browser.media) == 50
    assert made.lite.bytes_to[ELSEWHERE] <= MAX_AMPLIFICATION * sum(map(len, stolen))
