"""A peer connection that gets what a peer, a stranger and both at once might send it, at any moment."""

from collections import Counter
from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.rtc_peers import (
    ELSEWHERE,
    HERE,
    MAX_AMPLIFICATION,
    OURS,
    THEIRS,
    THERE,
    check,
    events,
    our_peer,
    sent,
    their_peer,
)

from headrace.webrtc.dtls import MAX_HANDSHAKE_BYTES
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.peer import MAX_EVENTS, Peer, RtpReceived
from headrace.webrtc.rtp import RtpPacket, encode_rtp

_STRANGER: Final = bytes(28)
_ADDRESSES: Final = (THERE, ELSEWHERE, _STRANGER)
_WAITS_US: Final = (1_000, 250_000, 5_000_000, 31_000_000)
_NEW: Final = IceCredentials("newufrag", "n" * 22)
_PACKET: Final = encode_rtp(RtpPacket(96, 7, 900, 0x1234, b"picture"))


class _Scene:
    """Our peer and another, and what went where."""

    def __init__(self, *, is_dtls_client: bool) -> None:
        self.here, self.there = (
            our_peer(is_dtls_client=is_dtls_client),
            their_peer(is_dtls_client=not is_dtls_client),
        )
        self.there.handle_datagram(check(to=THEIRS, by=OURS), HERE, 0)
        self.now_us = self.index = self.handed_bytes = 0
        self.queue: list[bytes] = []
        self.came: Counter[bytes] = Counter()
        self.went: Counter[bytes] = Counter()

    def give(self, datagram: bytes, address: bytes) -> None:
        self.came[address] += len(datagram)
        self.handed_bytes += len(datagram)
        self.here.handle_datagram(datagram, address, self.now_us)
        self.settle()

    def settle(self) -> None:
        """Carry what is said to the other peer, and look at both."""
        for datagram, address in sent(self.here):
            self.went[address] += len(datagram)
            if address == THERE:
                self.there.handle_datagram(datagram, HERE, self.now_us)
        self.queue = (self.queue + [datagram for datagram, _ in sent(self.there)])[:32]
        self.handed_bytes += 64
        assert self.went[_STRANGER] == 0
        assert self.went[ELSEWHERE] <= MAX_AMPLIFICATION * self.came[ELSEWHERE] + 2 * MAX_HANDSHAKE_BYTES
        assert self.here.address in {None, THERE, ELSEWHERE}
        assert (self.here.poll_timer() is None) == (self.here.close_reason is not None)
        happened = events(self.here)
        assert len(happened) <= MAX_EVENTS
        media = [event.packet for event in happened if isinstance(event, RtpReceived)]
        assert all(packet[:2] + packet[4:] == _PACKET[:2] + _PACKET[4:] for packet in media)


def run(script: bytes) -> int:
    """Play a script."""
    reader = Reader(script)
    scene = _Scene(is_dtls_client=bool(reader.below(2)))
    while not reader.is_over:
        _step(scene, reader)
    events(scene.there)
    return scene.handed_bytes


def _step(scene: _Scene, reader: Reader) -> None:  # noqa: C901 - a case for each step
    match reader.below(9):
        case 0:
            to = (OURS, _NEW)[reader.below(2)]
            known = _ADDRESSES[reader.below(2)]
            scene.give(check(reader.take(12).ljust(12), to=to, names=bool(reader.below(2))), known)
        case 1 | 2 | 3:
            if scene.queue:
                scene.give(scene.queue.pop(0), THERE)
        case 4:
            if scene.queue:
                scene.give(_spoilt(scene.queue[0], reader), _ADDRESSES[reader.below(3)])
        case 5:
            scene.give(reader.take(reader.number(1)), _ADDRESSES[reader.below(3)])
        case 6:
            if scene.there.sealer is not None:
                scene.give(_sealed(scene.there, scene), _ADDRESSES[reader.below(3)])
        case 7:
            scene.now_us += _WAITS_US[reader.below(len(_WAITS_US))]
            scene.here.handle_timer(scene.now_us)
            scene.settle()
        case _:
            if reader.below(4):
                scene.here.restart_ice(_NEW, THEIRS)
            else:
                scene.here.close(scene.now_us)
            scene.settle()


def _spoilt(datagram: bytes, reader: Reader) -> bytes:
    at = reader.number(2) % len(datagram)
    return datagram[:at] + reader.take(1) + datagram[at + 1 :]


def _sealed(peer: Peer, scene: _Scene) -> bytes:
    assert peer.sealer is not None
    scene.index += 1
    packet = _PACKET[:2] + (scene.index & 0xFFFF).to_bytes(2, "big") + _PACKET[4:]
    out = memoryview(bytearray(200))
    return bytes(out[: peer.sealer.seal_into(packet, scene.index, out)])


def seeds() -> list[bytes]:
    """Return scripts of connections that come about, move, and end."""
    named, carry, media, wait = b"\0\0\0" + bytes(12) + b"\1", b"\1", b"\6\0", b"\7\0"
    moved = b"\0\0\1" + bytes(12) + b"\1"
    return [
        b"\0" + named + carry * 6 + media * 3 + wait + moved + media,
        b"\1" + named + carry * 6 + media * 3 + b"\x08\1" + b"\0\1\0" + bytes(12) + b"\1" + b"\x08\0",
        b"\0" + named + carry * 2 + b"\4\0\x20\xff\0" + carry * 6 + b"\5\x08\x80\x60" + bytes(6) + b"\0",
        b"\0\6\0\5\x03\x16\xfe\xfd\2" + named + b"\7\3" + carry * 3,
        b"\1" + named + b"\7\1\7\2" + carry * 9 + b"\7\3",
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=256, base_lines=6_000)
