"""From the RTP packets of one stream to pictures or frames of sound, with what to ask its sender for.

Source: RFC 3550; RFC 4585, 6.2.1 and 6.3.1 (NACK, PLI); RFC 4588, 4 (retransmissions); RFC 7587 (Opus).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.codecs import av1, h264, hevc
from headrace.codecs.opus import SAMPLE_RATE_HZ as OPUS_SAMPLE_RATE_HZ
from headrace.codecs.opus import packet_samples
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.av1_payloads import Av1Unpacker
from headrace.remux.h264_unpacker import H264Unpacker
from headrace.remux.hevc_unpacker import HevcUnpacker
from headrace.remux.parameter_sets import ParameterSets
from headrace.remux.reorder_buffer import ReorderBuffer
from headrace.remux.rtp_clock import CLOCK_HZ, RtpClock, SessionClock
from headrace.webrtc.rtp import RtpPacket

PICTURE_WAIT_US: Final = 300_000
"""How long a lost packet of a picture is waited for: a keyframe, the other remedy, takes a round trip too."""
SOUND_WAIT_US: Final = 80_000
"""Sound goes on without what is lost."""
KEYFRAME_INTERVAL_US: Final = 2_000_000
"""Browsers send a keyframe only if somebody asks; who joins, and the ring, want one so often."""
KEYFRAME_PATIENCE_US: Final = 500_000
"""Between two wishes that nothing came of."""


class Unpacker(Protocol):
    """Puts pictures together."""

    def feed(self, payload: bytes) -> None:
        """Take a payload; raises `PacketError`."""

    def take(self) -> list[bytes]:
        """Return the units of a picture; raises `PacketError`."""

    def begins_picture(self, payload: bytes) -> bool:
        """Return whether nothing of the picture can stand before this payload."""


_UNPACKERS: Final[dict[Codec, type[Unpacker]]] = {
    Codec.H264: H264Unpacker,
    Codec.HEVC: HevcUnpacker,
    Codec.AV1: Av1Unpacker,
}
_IS_KEYFRAME: Final = {
    Codec.H264: h264.is_keyframe,
    Codec.HEVC: hevc.is_keyframe,
    Codec.AV1: av1.is_keyframe,
}


def from_rtx(packet: RtpPacket, *, ssrc: int, payload_type: int) -> RtpPacket:
    """Return the packet that a retransmission repeats.

    Args:
        packet: Of the stream of retransmissions.
        ssrc: Of the stream itself.
        payload_type: Of the stream itself.

    Raises:
        PacketError: ``short_rtx``; one without a payload is padding, and nothing is repeated.
    """
    if len(packet.payload) < 2:
        raise PacketError("short_rtx")
    seqno = int.from_bytes(packet.payload[:2], "big")
    return replace(packet, seqno=seqno, payload=packet.payload[2:], ssrc=ssrc, payload_type=payload_type)


class RtpToUnits:
    """Takes the packets of one stream. Never raises on what it is fed.

    Pictures come whole: after a loss none comes before the next keyframe.

    Args:
        codec: H.264, HEVC, AV1 or Opus.
        session: Shared with the other streams of the sender.

    Attributes:
        codec: As given.
        clock: To which sender reports are told.
        drops: What was thrown away, by reason; with those of the buffer.

    Raises:
        LocalProtocolError: The codec is another one.
    """

    def __init__(self, codec: Codec, session: SessionClock) -> None:
        if codec == Codec.AAC:
            raise LocalProtocolError(f"{codec.value} is not taken from RTP")
        self.codec = codec
        self.clock = RtpClock(session, CLOCK_HZ if codec.is_video else OPUS_SAMPLE_RATE_HZ)
        self._buffer = ReorderBuffer(PICTURE_WAIT_US if codec.is_video else SOUND_WAIT_US)
        self.drops: Counter[str] = self._buffer.drops
        self._unpacker = _UNPACKERS[codec]() if codec.is_video else None
        self._parameter_sets = ParameterSets(codec) if codec.is_video else None
        self._timestamp: int | None = None
        self._is_open = False
        self._is_damaged = False
        self._needs_keyframe = codec.is_video
        self._last_keyframe_us: int | None = None
        self._last_wish_us: int | None = None
        self._is_wished = False

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of H.264 pictures; None while they are not known."""
        facts = None if self._parameter_sets is None else self._parameter_sets.sps_facts
        return None if facts is None else (facts.width, facts.height)

    @property
    def lost_packets(self) -> int:
        """Packets that never came."""
        return self._buffer.lost_packets

    @property
    def received_packets(self) -> int:
        """Packets that came in time."""
        return self._buffer.received_packets

    def feed(self, packet: RtpPacket, now_us: int) -> list[AccessUnit]:
        """Return what is now whole."""
        self._buffer.add(packet, now_us)
        return self.handle_timer(now_us)

    def handle_timer(self, now_us: int) -> list[AccessUnit]:
        """Return what is whole now that the time for what is missing may be over."""
        units: list[AccessUnit] = []
        for packet, follows_loss in self._buffer.take(now_us):
            if self._unpacker is None:
                units += self._take_sound(packet, now_us, follows_loss=follows_loss)
            else:
                units += self._take_payload(packet, now_us, self._unpacker, follows_loss=follows_loss)
        return units

    def poll_timer(self) -> int | None:
        """Return when to call `handle_timer` and the others again, if nothing comes."""
        return self._buffer.poll_timer()

    def poll_nacks(self, now_us: int) -> list[int]:
        """Return the sequence numbers to ask for now."""
        return self._buffer.poll_nacks(now_us)

    def wish_keyframe(self) -> None:
        """Have a keyframe asked for as soon as the last wish is long enough ago."""
        self._is_wished = True

    def poll_keyframe_wish(self, now_us: int) -> bool:
        """Return whether to ask for a keyframe now: one is needed or was wished for, or the last is old."""
        if self._timestamp is None or not self.codec.is_video:
            return False
        last_us, wish_us = self._last_keyframe_us, self._last_wish_us
        needs_one = self._needs_keyframe or self._is_wished
        is_due = needs_one or last_us is None or now_us - last_us >= KEYFRAME_INTERVAL_US
        if not is_due or (wish_us is not None and now_us - wish_us < KEYFRAME_PATIENCE_US):
            return False
        self._last_wish_us, self._is_wished = now_us, False
        return True

    def _take_sound(self, packet: RtpPacket, now_us: int, *, follows_loss: bool) -> Iterator[AccessUnit]:
        try:
            packet_samples(packet.payload)
        except PacketError as error:
            self.drops[error.reason] += 1
            return
        time_90khz = self.clock.time_90khz(packet.timestamp, now_us)
        yield AccessUnit(self.codec, time_90khz, time_90khz, [packet.payload], is_discontinuous=follows_loss)

    def _take_payload(
        self, packet: RtpPacket, now_us: int, unpacker: Unpacker, *, follows_loss: bool
    ) -> Iterator[AccessUnit]:
        if follows_loss:
            self._needs_keyframe = self._is_damaged = True
        if not packet.payload:  # padding, with which a sender probes the bandwidth
            return
        if packet.timestamp != self._timestamp:
            yield from self._finish(now_us, unpacker)
            self._timestamp, self._is_open = packet.timestamp, True
            self._is_damaged = follows_loss and not unpacker.begins_picture(packet.payload)
        if not self._is_open:
            self.drops["after_marker"] += 1
            return
        if not self._is_damaged:
            try:
                unpacker.feed(packet.payload)
            except PacketError as error:
                self.drops[error.reason] += 1
                self._is_damaged = self._needs_keyframe = True
        if packet.marker:
            yield from self._finish(now_us, unpacker)

    def _finish(self, now_us: int, unpacker: Unpacker) -> Iterator[AccessUnit]:
        """Yield the picture that is at its end, if it is whole and can be decoded."""
        if not self._is_open or self._timestamp is None:
            return
        is_damaged, self._is_open = self._is_damaged, False
        try:
            nals = unpacker.take()
        except PacketError as error:
            self.drops[error.reason] += 1
            is_damaged = self._needs_keyframe = True
        if is_damaged:
            self.drops["damaged_picture"] += 1
            return
        if not nals:  # an aggregate of nothing
            self.drops["empty_picture"] += 1
            return
        is_keyframe = _IS_KEYFRAME[self.codec](nals)
        if self._parameter_sets is not None:
            nals = self._parameter_sets.complete(nals, is_keyframe=is_keyframe)
        if self._needs_keyframe and not is_keyframe:
            self.drops["waiting_for_keyframe"] += 1
            return
        if is_keyframe:
            self._last_keyframe_us = now_us
        is_discontinuous, self._needs_keyframe = self._needs_keyframe, False
        time_90khz = self.clock.time_90khz(self._timestamp, now_us)
        yield AccessUnit(self.codec, time_90khz, time_90khz, nals, is_keyframe, is_discontinuous)
