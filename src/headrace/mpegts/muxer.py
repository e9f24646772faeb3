"""Makes a transport stream of one program out of encoded frames, with no frame held back.

What a live sender wants and FFmpeg's muxer does not give: each call returns all packets of its frame, a tag
stands exactly before its picture, and the length of a video PES packet is given where it can be, so that a
receiver need not wait for the next frame to know that this one is whole.

Source: ISO/IEC 13818-1, 2.4.3, 2.4.4, 2.7.2 (PCR at most 100 ms apart).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headrace.mpegts.metadata import Metadata
from headrace.mpegts.packet import PAT_PID, encode_packet, split_into_packets
from headrace.mpegts.pes import AUDIO_STREAM_ID, PRIVATE_STREAM_1, VIDEO_STREAM_ID, encode_pes
from headrace.mpegts.psi import (
    Descriptor,
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    encode_pat,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.stream_type import AV1_FORMAT, VIDEO_STREAM_TYPES, StreamType
from headrace.mpegts.timed_id3 import encode_tag_pes, metadata_pointer_descriptor, timed_id3_stream

PROGRAM_NUMBER: Final = 1
PMT_PID: Final = 0x1000
FIRST_STREAM_PID: Final = 0x0100
METADATA_PID: Final = 0x0102
STREAM_PIDS: Final = (FIRST_STREAM_PID, 0x0101, 0x0103)
"""In the order of the streams; the second and the third are sound."""
PCR_LEAD_90KHZ: Final = 9_000
"""Decoding times are 100 ms after the clock: room for a keyframe's bytes on the way."""
MAX_PCR_INTERVAL_90KHZ: Final = 3_150
"""35 ms; DVB asks for 40 (ETSI TR 101 154)."""
MAX_TABLE_INTERVAL_90KHZ: Final = 45_000
"""0.5 s, for those who join between keyframes."""


@dataclass(slots=True)
class _Track:
    stream_id: int
    is_video: bool = False
    counter: int = 15


class Muxer:
    """Multiplexes one program: the given streams and a Timed ID3 stream.

    PIDs are `STREAM_PIDS`, and 0x102 for metadata. Clock references go with the first stream, which is the video
    where there is one.

    Args:
        stream_types: One to three ``stream_type`` values, video first.
        descriptors: Of streams in the program map, by their place among the types.
    """

    __slots__ = ("_last_pcr_90khz", "_last_tables_90khz", "_table_units", "_tracks")

    def __init__(
        self, stream_types: Sequence[int], descriptors: Mapping[int, tuple[Descriptor, ...]] | None = None
    ) -> None:
        if not 1 <= len(stream_types) <= len(STREAM_PIDS):
            raise ValueError(f"a muxer takes one to {len(STREAM_PIDS)} streams, not {len(stream_types)}")
        notes = descriptors or {}
        streams = [
            ElementaryStream(kind, STREAM_PIDS[at], notes.get(at, ())) for at, kind in enumerate(stream_types)
        ]
        pmt = ProgramMap(
            program_number=PROGRAM_NUMBER,
            version=0,
            pcr_pid=FIRST_STREAM_PID,
            descriptors=(metadata_pointer_descriptor(PROGRAM_NUMBER),),
            streams=(*streams, timed_id3_stream(METADATA_PID)),
        )
        pat = ProgramAssociation(1, 0, ((PROGRAM_NUMBER, PMT_PID),))
        self._table_units = (
            (PAT_PID, sections_to_unit([encode_pat(pat)])),
            (PMT_PID, sections_to_unit([encode_pmt(pmt)])),
        )
        self._tracks = {pid: _Track(0) for pid in (PAT_PID, PMT_PID, METADATA_PID)}
        for stream in streams:
            self._tracks[stream.pid] = _Track(_stream_id(stream.stream_type), _is_video(stream))
        self._last_pcr_90khz: int | None = None
        self._last_tables_90khz: int | None = None

    def write(
        self,
        stream_index: int,
        access_unit: bytes,
        pts_90khz: int,
        dts_90khz: int | None = None,
        *,
        random_access: bool = False,
        metadata: Iterable[Metadata] = (),
    ) -> bytes:
        """Return the packets of one access unit.

        Args:
            stream_index: Place of the stream among those given at the start.
            access_unit: One frame; H.264 in Annex B form with an access unit delimiter, AAC with ADTS header.
            pts_90khz: Presentation time, unbounded, 0.1 s or more (the clock runs ahead of it).
            dts_90khz: Decoding time where it is another; grows from call to call of one stream.
            random_access: Decoding can start here; the tables are sent before a video frame of this kind.
            metadata: Tags for this presentation time, sent right before the frame.

        Raises:
            ValueError: As `encode_metadata`, or audio too long for one PES packet.
        """
        pid = STREAM_PIDS[stream_index]
        track = self._tracks[pid]
        clock_90khz = (pts_90khz if dts_90khz is None else dts_90khz) - PCR_LEAD_90KHZ
        is_clock = stream_index == 0
        out = self._write_tables(clock_90khz, due=random_access and is_clock)
        for tag in metadata:
            out += self.write_metadata(tag, pts_90khz)
        pcr_27mhz = self._next_pcr(clock_90khz, due=is_clock)
        if pcr_27mhz is not None and not is_clock:
            counter = self._tracks[FIRST_STREAM_PID].counter
            out += encode_packet(FIRST_STREAM_PID, counter, b"", pcr_27mhz=pcr_27mhz)
            pcr_27mhz = None
        pes = encode_pes(track.stream_id, access_unit, pts_90khz, dts_90khz, is_video=track.is_video)
        packets, track.counter = split_into_packets(
            pid, track.counter, pes, random_access=random_access, pcr_27mhz=pcr_27mhz
        )
        return out + packets

    def write_metadata(self, metadata: Metadata, pts_90khz: int) -> bytes:
        """Return the packets of one tag.

        Raises:
            ValueError: As `encode_metadata`.
        """
        track = self._tracks[METADATA_PID]
        packets, track.counter = split_into_packets(
            METADATA_PID, track.counter, encode_tag_pes(metadata, pts_90khz), random_access=True
        )
        return packets

    def _write_tables(self, clock_90khz: int, *, due: bool) -> bytes:
        last_90khz = self._last_tables_90khz
        if not due and last_90khz is not None and clock_90khz - last_90khz < MAX_TABLE_INTERVAL_90KHZ:
            return b""
        self._last_tables_90khz = clock_90khz
        out = b""
        for pid, unit in self._table_units:
            packets, self._tracks[pid].counter = split_into_packets(pid, self._tracks[pid].counter, unit)
            out += packets
        return out

    def _next_pcr(self, clock_90khz: int, *, due: bool) -> int | None:
        """Return the clock reference to send now, if one is due; it never goes back."""
        last_90khz = self._last_pcr_90khz
        if last_90khz is not None:
            interval_90khz = clock_90khz - last_90khz
            if interval_90khz <= 0 or (not due and interval_90khz < MAX_PCR_INTERVAL_90KHZ):
                return None
        self._last_pcr_90khz = clock_90khz
        return clock_90khz * 300


def _stream_id(stream_type: int) -> int:
    """Return the ``stream_id`` of a stream's PES packets."""
    if stream_type in VIDEO_STREAM_TYPES:
        return VIDEO_STREAM_ID
    return PRIVATE_STREAM_1 if stream_type == StreamType.PRIVATE_DATA else AUDIO_STREAM_ID


def _is_video(stream: ElementaryStream) -> bool:
    return stream.stream_type in VIDEO_STREAM_TYPES or AV1_FORMAT in stream.format_ids
