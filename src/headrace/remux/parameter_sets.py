"""The parameter sets of a video stream, kept so that every keyframe can stand alone.

Source: ITU-T H.264, 7.4.1.2.1 (sets come before the pictures that use them).
"""

from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs.bit_reader import BitReader, unescape
from headrace.codecs.h264 import NalType, SpsFacts, nal_type, parse_sps

MAX_SETS: Final = 16
"""Kept of each kind; encoders use one or two. What comes beyond takes the place of the oldest."""
MAX_SET_BYTES: Final = 4096
"""A parameter set that is longer is not kept."""

_ID_OFFSETS: Final = {NalType.SPS: 4, NalType.PPS: 1}
"""Bytes before the set's id: the unit's header, and profile and level."""


class H264ParameterSets:
    """The newest SPS and PPS of a stream, by their ids.

    Attributes:
        sps_facts: Of the newest sequence parameter set; None before there is one that can be read.
    """

    __slots__ = ("_sets", "sps_facts")

    def __init__(self) -> None:
        self._sets: dict[int, dict[int, bytes]] = {kind: {} for kind in _ID_OFFSETS}
        self.sps_facts: SpsFacts | None = None

    def complete(self, nals: list[bytes], *, is_keyframe: bool) -> list[bytes]:
        """Keep the sets of a picture; return the picture, a keyframe with the sets that it lacks before it."""
        present: set[int] = set()
        for nal in nals:
            kind = nal_type(nal)
            if kind in _ID_OFFSETS:
                present.add(kind)
                self._keep(kind, nal)
        if not is_keyframe or len(present) == len(_ID_OFFSETS):
            return nals
        return [nal for kind in _ID_OFFSETS if kind not in present for nal in self._sets[kind].values()] + nals

    def _keep(self, kind: int, nal: bytes) -> None:
        kept = self._sets[kind]
        if len(nal) > MAX_SET_BYTES or nal in kept.values():
            return
        try:
            offset = _ID_OFFSETS[NalType(kind)]
            number = BitReader(unescape(nal[: offset + 8])[offset:]).read_ue()
            if kind == NalType.SPS:
                self.sps_facts = parse_sps(nal)
        except PacketError:
            return
        kept.pop(number, None)
        kept[number] = nal
        if len(kept) > MAX_SETS:
            del kept[next(iter(kept))]
