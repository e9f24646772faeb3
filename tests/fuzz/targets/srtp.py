"""Sealed packets: opened from anything, and sealed as scripts have it; the first byte says which profile."""

from random import Random

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.base.errors import PacketError
from headrace.webrtc.rtp import RtpPacket, encode_rtp
from headrace.webrtc.srtp import ROOM_BYTES, Opener, Sealer, make_sealer
from headrace.webrtc.srtp_profile import PROFILES, MasterKey

_REPORT = bytes.fromhex("80c80006 00001234 11223344 55667788 00000001 00000002 00000003")


def run(script: bytes) -> int:
    """Seal packets, spoil some of them, and open them all."""
    reader = Reader(script)
    profile = PROFILES[reader.below(len(PROFILES))]
    master = MasterKey(profile, bytes(range(profile.key_bytes)), bytes(range(profile.salt_bytes)))
    sealer, opener = make_sealer(master), Opener(master)
    index, handed_bytes, taken = 0, 0, set[bytes]()
    while not reader.is_over:
        is_rtcp = False
        match reader.below(4):
            case 0:
                index += 1 + reader.number(1)
                packet = encode_rtp(RtpPacket(96, index & 0xFFFF, 0, reader.below(4), bytes(reader.number(1))))
                sealed = _seal(sealer, packet, index)
            case 1:
                is_rtcp, packet = True, _REPORT
                sealed = sealer.seal_rtcp(packet)
            case 2:
                packet = encode_rtp(RtpPacket(96, index & 0xFFFF, 0, 1, b"late", extensions={1: b"x"}))
                sealed = _seal(sealer, packet, index)
            case _:
                is_rtcp, packet, sealed = bool(reader.below(2)), b"", reader.take(reader.number(1))
        spoilt = sealed
        if packet and reader.below(2):
            at = reader.number(2) % len(sealed)
            spoilt = sealed[:at] + reader.take(1) + sealed[at + 1 :]
        handed_bytes += 64 + len(spoilt)
        try:
            opened = (opener.open_rtcp if is_rtcp else opener.open_rtp)(spoilt)
        except PacketError as error:
            assert error.reason.isidentifier()
            continue
        assert opened == packet
        assert spoilt == sealed
        assert sealed not in taken, "opened twice"
        taken.add(sealed)
    return handed_bytes


def _seal(sealer: Sealer, packet: bytes, index: int) -> bytes:
    out = memoryview(bytearray(b"\xee" * (len(packet) + ROOM_BYTES)))
    length = sealer.seal_into(packet, index, out)
    assert length == len(packet) + sealer.overhead_bytes
    return bytes(out[:length])


def seeds() -> list[bytes]:
    """Return scripts of good and bad packets in each profile."""
    good, report, late = b"\0\1\2\x20\0", b"\1\0", b"\2\0"
    bad, nonsense = b"\0\1\2\x20\1\0\x0f\xaa", b"\3\0\x14" + b"\x80\x60" + bytes(18)
    return [bytes((profile,)) + good * 3 + report + bad + late * 2 + report + nonsense for profile in range(3)]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=512)
