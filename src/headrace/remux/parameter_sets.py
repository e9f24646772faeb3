"""The parameter sets of a video stream, kept so that every keyframe can stand alone.

Source: ITU-T H.264, 7.4.1.2.1; H.265, 7.4.2.4.4; AV1, 7.5 (sets come before the pictures that use them).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs import av1, h264, hevc
from headrace.codecs.bit_reader import BitReader, unescape
from headrace.codecs.h264 import SpsFacts, parse_sps
from headrace.remux.access_unit import Codec

MAX_SETS: Final = 16
"""Kept of each kind; encoders use one or two. What comes beyond takes the place of the oldest."""
MAX_SET_BYTES: Final = 4096
"""A parameter set that is longer is not kept."""


@dataclass(frozen=True, slots=True)
class _SetKinds:
    """Which units of a codec are sets, in the order in which they have to stand.

    Attributes:
        unit_type: Returns the type of a unit.
        id_offsets: By type: bytes before the set's id, an Exp-Golomb code; None where one set is all there is.
    """

    unit_type: Callable[[bytes], int]
    id_offsets: dict[int, int | None]


_KINDS: Final = {
    Codec.H264: _SetKinds(h264.nal_type, {h264.NalType.SPS: 4, h264.NalType.PPS: 1}),
    # The id of an SPS stands behind its profile and level, and live encoders have one.
    Codec.HEVC: _SetKinds(hevc.nal_type, {hevc.NalType.VPS: None, hevc.NalType.SPS: None, hevc.NalType.PPS: 2}),
    Codec.AV1: _SetKinds(av1.obu_type, {av1.ObuType.SEQUENCE_HEADER: None}),
}


class ParameterSets:
    """The newest sets of a stream, by their kinds and ids.

    Args:
        codec: A video codec.

    Attributes:
        sps_facts: Of the newest sequence parameter set of H.264; None before there is one that can be read.
    """

    __slots__ = ("_codec", "_kinds", "_sets", "sps_facts")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._kinds = _KINDS[codec]
        self._sets: dict[int, dict[int, bytes]] = {kind: {} for kind in self._kinds.id_offsets}
        self.sps_facts: SpsFacts | None = None

    def complete(self, units: list[bytes], *, is_keyframe: bool) -> list[bytes]:
        """Keep the sets of a picture; return the picture, a keyframe with the sets that it lacks before it."""
        present: set[int] = set()
        for unit in units:
            kind = self._kinds.unit_type(unit)
            if kind in self._sets:
                present.add(kind)
                self._keep(kind, unit)
        if not is_keyframe or len(present) == len(self._sets):
            return units
        return [unit for kind, kept in self._sets.items() if kind not in present for unit in kept.values()] + units

    @property
    def is_whole(self) -> bool:
        """Whether there are sets of each kind."""
        return all(self._sets.values())

    def _keep(self, kind: int, unit: bytes) -> None:
        kept = self._sets[kind]
        if len(unit) > MAX_SET_BYTES or unit in kept.values():
            return
        try:
            number = self._read_id(kind, unit)
        except PacketError:
            return
        kept.pop(number, None)
        kept[number] = unit
        if len(kept) > MAX_SETS:
            del kept[next(iter(kept))]

    def _read_id(self, kind: int, unit: bytes) -> int:
        """Return the id of a set, and read what else is of use."""
        offset = self._kinds.id_offsets[kind]
        if offset is None:
            return 0
        number = BitReader(unescape(unit[: offset + 8])[offset:]).read_ue()
        if self._codec == Codec.H264 and kind == h264.NalType.SPS:
            self.sps_facts = parse_sps(unit)
        return number
