"""The pictures of a producer that sends them in several sizes: one becomes the channel's, the others stay layers.

Source: RFC 8853 (simulcast); ``docs/decisions/0024-layers.md``.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

from headrace.endpoints.rate_meter import RateMeter
from headrace.endpoints.rtc_inbound import InboundNumbers, InboundStream
from headrace.endpoints.rtc_layer_choice import LayerChoice
from headrace.endpoints.rtc_rids import LayerNumbers, RidTable
from headrace.remux.access_unit import AccessUnit
from headrace.remux.rtp_clock import SessionClock
from headrace.webrtc.rtp import RtpPacket

KEPT_KEYFRAMES: Final = 16
"""By which the channel is known as this producer's: half a minute, more than a backlog has."""
LOOK_US: Final = 1_000_000
"""How often a layer's rate is looked at."""
Mark: TypeAlias = tuple[int, int]
"""What a picture is known by."""


def mark_of(unit: AccessUnit) -> Mark:
    """Return what a picture is known by on its way through a transport stream, which may take zeros at its end."""
    last = unit.data[-1].rstrip(b"\0")
    return len(last), crc32(last)


class LayerFacts(NamedTuple):
    """What is told of a layer.

    Attributes:
        rid: Its name.
        size: Width and height of its pictures; None while they are not known.
        bits_per_second: What comes of it.
        is_alive: It comes.
        is_main: It is the channel's.
    """

    rid: str
    size: tuple[int, int] | None
    bits_per_second: int
    is_alive: bool
    is_main: bool


class InboundLayers:
    """The layers of one producer's pictures.

    Args:
        numbers: How its pictures are known.
        layers: How its layers are.
        session: The clock that they share with the other streams.
        own_ssrc: Ours, as their receiver.

    Attributes:
        streams: By the layer's name.
        choice: Which of them is the channel's.
        listener: Gets each picture that is not the channel's, with the layer's name and the time.
    """

    def __init__(
        self, numbers: InboundNumbers, layers: LayerNumbers, session: SessionClock, own_ssrc: int
    ) -> None:
        self._numbers = numbers
        self._table = RidTable(layers)
        self.streams = {rid: InboundStream(numbers, session, own_ssrc) for rid in layers.rids}
        self._rates = {rid: RateMeter() for rid in layers.rids}
        self.choice = LayerChoice(layers.rids)
        self._keyframes: deque[tuple[Mark, int]] = deque(maxlen=KEPT_KEYFRAMES)
        self._looked_us = 0
        self._last_90khz: int | None = None
        self.listener: Callable[[str, AccessUnit, int], None] = lambda _rid, _unit, _now_us: None

    def takes(self, packet: RtpPacket) -> bool:
        """Return whether a packet is one of the pictures'."""
        return packet.payload_type in self._numbers[1:]

    def feed(self, packet: RtpPacket, now_us: int) -> list[AccessUnit]:
        """Return the channel's pictures that are now whole.

        Raises:
            PacketError: What `RidTable.rid_of` and `InboundStream.feed` raise.
        """
        is_repair = packet.payload_type == self._numbers.rtx_payload_type
        rid = self._table.rid_of(packet, is_repair=is_repair)
        units = self.streams[rid].feed(packet, now_us)
        if packet.payload:
            self.choice.note_heard(rid, now_us)
        self._look(now_us)
        return self._sort(rid, units, now_us)

    def handle_timer(self, now_us: int) -> list[AccessUnit]:
        """Return the channel's pictures that are whole now that the time for what is missing may be over."""
        return [
            unit
            for rid, stream in self.streams.items()
            for unit in self._sort(rid, stream.units.handle_timer(now_us), now_us)
        ]

    def _look(self, now_us: int) -> None:
        if now_us - self._looked_us >= LOOK_US:
            self._looked_us = now_us
            for rid, stream in self.streams.items():
                self._rates[rid].note(stream.received_bytes, now_us)

    def _sort(self, rid: str, units: Iterable[AccessUnit], now_us: int) -> list[AccessUnit]:
        """Return what goes into the channel, and give the other pictures away."""
        mine: list[AccessUnit] = []
        for unit in units:
            choice = self.choice
            choice.note_picture(rid, self.streams[rid].units.size, now_us)
            if unit.is_keyframe and choice.wanted == rid:
                choice.begin(rid)
            if choice.main == rid:
                mine.append(self._place(unit))
            else:
                self.listener(rid, unit, now_us)
            if choice.wanted not in {None, choice.main}:
                self.wish_keyframe(choice.wanted)
        return mine

    def _place(self, unit: AccessUnit) -> AccessUnit:
        """Have a picture come after the last one, which may have been the same moment in another layer."""
        if self._last_90khz is not None and unit.pts_90khz <= self._last_90khz:
            unit.pts_90khz = unit.dts_90khz = self._last_90khz + 1
        self._last_90khz = unit.pts_90khz
        if unit.is_keyframe:
            self._keyframes.append((mark_of(unit), unit.pts_90khz))
        return unit

    def wish_keyframe(self, rid: str | None) -> None:
        """Have the sender asked for a keyframe of a layer, if there is such a one."""
        stream = None if rid is None else self.streams.get(rid)
        if stream is not None:
            stream.units.wish_keyframe()

    def time_of(self, unit: AccessUnit) -> int | None:
        """Return the session's time of a keyframe that the channel shows; None if it is not from here."""
        mark = mark_of(unit)
        return next((time for known, time in reversed(self._keyframes) if known == mark), None)

    def facts(self) -> list[LayerFacts]:
        """Return what is told of the layers of which there have been pictures, the best first."""
        choice = self.choice
        return [
            LayerFacts(
                rid, self.streams[rid].units.size, self._rates[rid].bps, choice.is_alive(rid), rid == choice.main
            )
            for rid in choice.ranking
        ]
