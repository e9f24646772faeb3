"""Sealing and opening; libsrtp is the other side of each."""

import pytest
from pylibsrtp import Policy, Session

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.webrtc.rtp import RtpPacket, encode_rtp
from headrace.webrtc.srtp import (
    MAX_PACKET_BYTES,
    MAX_SSRCS,
    REPLAY_WINDOW_PACKETS,
    ROOM_BYTES,
    Opener,
    Sealer,
    clear_packet,
    make_sealer,
    rtp_header_bytes,
)
from headrace.webrtc.srtp_profile import PROFILES, MasterKey, SrtpProfile

REPORT = bytes.fromhex("80c80006 00001234 11223344 55667788 00000001 00000002 00000003")

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def master(profile: SrtpProfile) -> MasterKey:
    return MasterKey(profile, bytes(range(profile.key_bytes)), bytes(range(100, 100 + profile.salt_bytes)))


def rtp(seqno: int, payload: bytes = b"payload", ssrc: int = 0x1234, **more: object) -> bytes:
    return encode_rtp(RtpPacket(96, seqno & 0xFFFF, 3_000, ssrc, payload, **more))  # type: ignore[arg-type]


def seal(sealer: Sealer, packet: bytes, index: int) -> bytes:
    out = memoryview(bytearray(len(packet) + ROOM_BYTES))
    length = sealer.seal_into(packet, index, out)
    assert length == len(packet) + sealer.overhead_bytes
    return bytes(out[:length])


def refusal(opener: Opener, packet: bytes, *, is_rtcp: bool = False) -> str:
    with pytest.raises(PacketError) as caught:
        (opener.open_rtcp if is_rtcp else opener.open_rtp)(packet)
    return caught.value.reason


@every_profile
def test_what_is_sealed_here_is_what_libsrtp_seals(profile: SrtpProfile) -> None:
    key = master(profile)
    theirs = Session(Policy(key.key + key.salt, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.libsrtp_number))
    sealer = make_sealer(key)
    # Over a rollover, with what a header can have besides.
    for index in (0x7FF0, 0xBFFF, 0xFFFF, 0x1_0000, 0x1_7FFF):
        for packet in (
            rtp(index, bytes(index % 1200)),
            rtp(index, csrcs=(1, 2), ssrc=0x99),
            rtp(index, extensions={3: b"abc"}, ssrc=0xAA),
            rtp(index, extensions={3: b"abc"}, csrcs=(7,), ssrc=0xFFFF_FFFF),
        ):
            assert seal(sealer, packet, index) == theirs.protect(packet)


@every_profile
def test_reports_are_sealed_as_libsrtp_seals_them(profile: SrtpProfile) -> None:
    key = master(profile)
    theirs = Session(Policy(key.key + key.salt, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.libsrtp_number))
    sealer, opener = make_sealer(key), Opener(key)
    theirs.protect_rtcp(REPORT)  # libsrtp counts from 1
    sealer.seal_rtcp(REPORT)
    for _ in range(3):
        sealed = sealer.seal_rtcp(REPORT)
        assert opener.open_rtcp(sealed) == REPORT
    assert sealer.seal_rtcp(REPORT[:8])


@every_profile
def test_a_packet_can_be_sealed_again_and_into_a_piece_of_something_larger(profile: SrtpProfile) -> None:
    sealer, packet = make_sealer(master(profile)), rtp(5)
    first = seal(sealer, packet, 5)
    seal(sealer, rtp(6), 6)
    room = memoryview(bytearray(b"\xee" * 200))
    end = 50 + sealer.seal_into(memoryview(packet), 5, room[50:])
    assert room[50:end] == first
    assert room[:50] == b"\xee" * 50


@every_profile
def test_a_run_is_sealed_as_its_packets_are_one_by_one(profile: SrtpProfile) -> None:
    sealer = make_sealer(master(profile))
    packets = [rtp(0xFFFE + number, bytes(900 + number), extensions={1: b"x"}) for number in range(5)]
    rows = [memoryview(bytearray(1_000)) for _ in packets]
    sealer.seal_run([clear_packet(packet) for packet in packets], 0xFFFE, rows)
    for number, (packet, row) in enumerate(zip(packets, rows, strict=True)):
        assert row[: len(packet) + sealer.overhead_bytes] == seal(sealer, packet, 0xFFFE + number)


@every_profile
def test_what_comes_is_opened_once_over_a_rollover_and_out_of_order(profile: SrtpProfile) -> None:
    sealer, opener = make_sealer(master(profile)), Opener(master(profile))
    for index in (0xFFFE, 0x1_0001, 0xFFFF, 0x1_0000):
        sealed = seal(sealer, rtp(index), index)
        assert opener.open_rtp(sealed) == rtp(index)
        assert refusal(opener, sealed) == "srtp_replayed"


@every_profile
def test_any_bit_that_is_not_as_it_was_is_seen(profile: SrtpProfile) -> None:
    sealer = make_sealer(master(profile))
    for sealed, is_rtcp in (seal(sealer, rtp(5), 5), False), (sealer.seal_rtcp(REPORT), True):
        for at in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[at // 8] ^= 1 << at % 8
            refusal(Opener(master(profile)), bytes(changed), is_rtcp=is_rtcp)


@every_profile
def test_a_packet_as_old_as_the_window_is_opened_and_an_older_one_is_not(profile: SrtpProfile) -> None:
    sealer, opener = make_sealer(master(profile)), Opener(master(profile))
    newest = 5_000
    opener.open_rtp(seal(sealer, rtp(newest), newest))
    oldest = newest - REPLAY_WINDOW_PACKETS + 1
    assert opener.open_rtp(seal(sealer, rtp(oldest), oldest)) == rtp(oldest)
    assert refusal(opener, seal(sealer, rtp(oldest - 1), oldest - 1)) == "srtp_too_old"


@every_profile
def test_a_report_is_opened_once(profile: SrtpProfile) -> None:
    sealed, opener = make_sealer(master(profile)).seal_rtcp(REPORT), Opener(master(profile))
    assert opener.open_rtcp(sealed) == REPORT
    assert refusal(opener, sealed, is_rtcp=True) == "srtp_replayed"


def test_sources_are_limited_and_those_that_are_known_stay_good() -> None:
    sealer, opener = make_sealer(master(PROFILES[0])), Opener(master(PROFILES[0]))
    for ssrc in range(MAX_SSRCS):
        opener.open_rtp(seal(sealer, rtp(1, ssrc=ssrc), 1))
    assert refusal(opener, seal(sealer, rtp(1, ssrc=MAX_SSRCS), 1)) == "srtp_too_many_ssrcs"
    assert opener.open_rtp(seal(sealer, rtp(2, ssrc=0), 2)) == rtp(2, ssrc=0)


def test_packets_of_no_good_length_are_refused() -> None:
    opener = Opener(master(PROFILES[0]))
    for length in (0, 11, MAX_PACKET_BYTES + 1):
        assert refusal(opener, b"\x80" * length) == "srtp_length"
    for length in (0, 7, MAX_PACKET_BYTES + 1):
        assert refusal(opener, b"\x80" * length, is_rtcp=True) == "srtp_length"
    for length in (12, MAX_PACKET_BYTES):
        assert refusal(opener, b"\x80" * length) in {"srtp_bad_tag", "srtp_malformed"}
    assert refusal(opener, b"\x80" * 8, is_rtcp=True) in {"srtp_bad_tag", "srtp_malformed"}


def test_a_report_without_a_header_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        make_sealer(master(PROFILES[0])).seal_rtcp(REPORT[:7])


def test_headers_are_as_long_as_they_say() -> None:
    assert rtp_header_bytes(rtp(1)) == 12
    assert rtp_header_bytes(rtp(1, csrcs=(1, 2, 3))) == 24
    assert rtp_header_bytes(rtp(1, csrcs=(1,), extensions={1: b"ab"})) == 24
