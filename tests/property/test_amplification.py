"""The broker sends an address that has not proved itself no more bytes than came from it.

Proved is who sent back the cookie that was sent to it: nobody else can, short of guessing 32 bits.

Source: ``docs/decisions/0020-limits.md``; RFC 9000, 8.1, has the same rule with three times the bytes.
"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simnet.srt_ports import CallerPort
from tests.support.answers import ended_answers, open_answers
from tests.support.broker_world import MS, SECOND, World
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import control, data, words

from headrace.base.datagram_batch import MAX_DATAGRAM_BYTES
from headrace.base.sockaddr import encode_sockaddr, format_sockaddr
from headrace.srt.handshake import Handshake, HandshakeType, LiveCapabilities, encode_handshake
from headrace.srt.packet import MAX_PAYLOAD_BYTES, ControlType

STRANGER = encode_sockaddr("10.9.9.9", 999)
LIFE_US = 7 * SECOND
"""Longer than a keepalive, a timeout or a repetition takes."""


class TallyingOutbox(CollectingOutbox):
    """Counts what is sent where, and lets it pass."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_to: Counter[bytes] = Counter()

    def take(self) -> list[tuple[bytes, bytes]]:
        taken = super().take()
        for datagram, address in taken:
            self.bytes_to[address] += len(datagram)
        return taken


class Scene:
    """A broker with a live producer, a subscriber and one more, and strangers that send it things.

    Attributes:
        producer: Sends while the strangers do.
        subscriber: Gets what it sends.
    """

    def __init__(self) -> None:
        self.outbox = TallyingOutbox()
        self.world = World(outbox=self.outbox)
        self.producer, self.subscriber = self.world.join("publish:A"), self.world.join("A")
        self.world.send(self.producer, 5)

    def address_of(self, peer: CallerPort) -> bytes:
        return next(address for address, port in self.world.network._ports.items() if port.endpoint is peer)

    def ids(self) -> list[int]:
        """Socket ids that a stranger may know or guess: nobody's of each kind, the listener's, and live ones."""
        live = [peer.connection.parameters.peer_socket_id for peer in (self.producer, self.subscriber)]
        return [0, 1, 0x0010_0001, 0x4000_0001, 0x8000_0001, 0xFFFF_FFFF, *live]

    def neighbours(self) -> list[bytes]:
        """Return addresses that have proved nothing: a stranger's, and other ports of the live peers' hosts."""
        near = [self.address_of(peer) for peer in (self.producer, self.subscriber)]
        return [STRANGER, *(encode_sockaddr(format_sockaddr(one).partition(":")[0], 40_000) for one in near)]

    def send(self, datagrams: list[bytes], *, life_us: int = 20 * MS) -> None:
        """Send the broker each of ``datagrams`` from each stranger: none is to get more than it has sent."""
        for address in self.neighbours():
            for datagram in datagrams:
                before = self.outbox.bytes_to[address]
                self.world.inject(datagram, address)
                assert self.outbox.bytes_to[address] - before <= len(datagram), datagram[:64].hex()
        at_once = {address: self.outbox.bytes_to[address] for address in self.neighbours()}
        self.world.send(self.producer, 2, 5 * MS)
        self.world.run(life_us)
        # What is answered is answered at once: who is sent more later is taken for somebody.
        assert {address: self.outbox.bytes_to[address] for address in self.neighbours()} == at_once
        self.outbox.bytes_to.clear()


def handshake(kind: int, version: int = 5, **more: object) -> Handshake:
    fields: dict[str, object] = {"capabilities": LiveCapabilities(), "stream_id": "A", **more}
    return replace(Handshake(version, 0, 5, 77, 1500, 8192, kind, 0x1234), **fields)  # type: ignore[arg-type]


KINDS = [*HandshakeType, 2, 1000, 1002, 2404, 0x7FFF_FFFF]


@pytest.mark.parametrize("version", [0, 4, 5, 6, 0xFFFF_FFFF])
def test_no_handshake_of_a_stranger_is_answered_with_more_bytes(version: int) -> None:
    scene = Scene()
    bodies = [
        encode_handshake(handshake(kind, version, cookie=cookie, **more))
        for kind in KINDS
        for cookie in (0, 0xDEAD_BEEF)
        for more in (
            {},
            {"capabilities": None, "stream_id": None, "socket_id": 0},
            {"congestion": "live", "key_material": bytes(72), "extension_field": 7},
            {"stream_id": "#!::r=A,m=publish," + "x" * 300 + "=1"},
            {"mss_bytes": 0, "flow_window_packets": 0, "initial_seqno": 0xFFFF_FFFF},
        )
    ]
    cut = [body[:length] for body in bodies[:2] for length in (0, 1, 4, 47, 48, 49, 52, 60)]
    scene.send(
        [control(0, body, to=to) for body in [*bodies, *cut] for to in (0, scene.ids()[-1])], life_us=LIFE_US
    )


def test_no_control_packet_of_a_stranger_is_answered_with_more_bytes() -> None:
    scene = Scene()
    bodies = [b"", words(77), words(0x8000_0000, 0x7FFF_FFFF), words(*range(364)), bytes(72)]
    scene.send(
        [
            words(0x8000_0000 | kind << 16 | subtype, info, 0, to) + body
            for kind in (*ControlType, 9, 0x7FFE)
            for subtype in (0, 3, 4)
            for info in (0, 1)
            for body in bodies
            for to in scene.ids()
        ],
        life_us=LIFE_US,
    )


def test_no_data_packet_of_a_stranger_is_answered_with_more_bytes() -> None:
    scene = Scene()
    seqno = scene.producer.connection.parameters.send_seqno
    scene.send(
        [
            data((seqno + step) & 0x7FFF_FFFF, payload, word1=word1, to=to)
            for step in (0, 4, 6, 100, 30_000, 1 << 30)
            for payload in (b"", b"x", bytes(MAX_PAYLOAD_BYTES))
            for word1 in (0xE000_0001, 0xE400_0001, 0xE800_0001, 0)
            for to in scene.ids()
        ]
    )


def test_no_length_of_nonsense_is_answered_with_more_bytes() -> None:
    lengths = (0, 1, 4, 15, 16, 17, 20, 63, 64, 65, 1456, MAX_DATAGRAM_BYTES)
    Scene().send([byte * length for length in lengths for byte in (b"\0", b"\x80", b"\xff", b"\x7f")])


def test_a_stranger_with_live_socket_ids_hears_nothing_when_their_peers_have_fallen_silent() -> None:
    scene = Scene()
    scene.producer.is_dead = scene.subscriber.is_dead = True
    for _ in range(30):
        scene.world.run(100 * MS)
        away = scene.ids()[-2:]
        for to in away:
            for kind in (ControlType.KEEPALIVE, ControlType.ACK, ControlType.HANDSHAKE, ControlType.SHUTDOWN):
                scene.world.inject(control(kind, words(77), info=1, to=to), STRANGER)
    scene.world.run(LIFE_US)
    assert scene.outbox.bytes_to[STRANGER] == 0


WORDS = st.one_of(st.integers(0, 0xFFFF_FFFF), st.sampled_from([0, 1, 5, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]))
FIRST_WORDS = st.one_of(WORDS, st.integers(0, 10).map(lambda kind: 0x8000_0000 | kind << 16))
HANDSHAKES = st.builds(
    lambda kind, version, cookie, key, flags: encode_handshake(
        handshake(kind, version, cookie=cookie, key_material=key, extension_field=flags)
    ),
    st.sampled_from(KINDS),
    st.integers(3, 6),
    WORDS,
    st.one_of(st.none(), st.binary(max_size=80).map(lambda made: made[: len(made) // 4 * 4])),
    st.integers(0, 0xFFFF),
)
BODIES = st.one_of(
    st.binary(max_size=1500), st.lists(WORDS, max_size=40).map(lambda made: words(*made)), HANDSHAKES
)


@settings(max_examples=40)
@given(
    story=st.lists(st.tuples(FIRST_WORDS, WORDS, st.integers(0, 7), BODIES, st.integers(16, 1520)), max_size=25),
    life_us=st.sampled_from([0, 20 * MS, 2 * SECOND]),
)
def test_no_story_of_a_stranger_brings_more_bytes_out(
    story: list[tuple[int, int, int, bytes, int]], life_us: int
) -> None:
    scene = Scene()
    ids = scene.ids()
    made = [words(first, second, 0, ids[to]) + body for first, second, to, body, _ in story]
    scene.send([datagram[:length] for datagram, (*_, length) in zip(made, story, strict=True)], life_us=life_us)


def test_a_flood_of_inductions_leaves_no_trace_as_there_is_no_half_open_connection() -> None:
    scene = Scene()
    listener, endpoint = scene.world.endpoint._listener, scene.world.endpoint
    body = encode_handshake(handshake(HandshakeType.INDUCTION, 4))
    before = open_answers(listener), ended_answers(listener), endpoint.table.count
    for number in range(500):
        scene.world.inject(control(0, body, to=0), encode_sockaddr(f"10.8.{number % 256}.7", 1000 + number))
    assert before == (open_answers(listener), ended_answers(listener), endpoint.table.count)


def test_what_proves_an_address_is_the_cookie_that_was_sent_there() -> None:
    scene = Scene()
    (answer, to), *none = scene.world.inject(
        control(0, encode_handshake(handshake(HandshakeType.INDUCTION, 4)), to=0), STRANGER
    )
    assert (to, none, len(answer)) == (STRANGER, [], 64)
    cookie = int.from_bytes(answer[16 + 28 : 16 + 32], "big")
    asked = control(0, encode_handshake(handshake(HandshakeType.CONCLUSION, cookie=cookie)), to=0)
    elsewhere = encode_sockaddr("10.9.9.9", 1000)
    assert scene.world.inject(asked, elsewhere) == []
    assert [to for _, to in scene.world.inject(asked, STRANGER)] == [STRANGER]
