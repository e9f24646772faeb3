"""Puts Timed ID3 into a transport stream that someone else encoded, and leaves all the rest as it is.

The program map is written anew, one version higher, with a Timed ID3 stream on a free PID (or the one that
is there already). All other packets pass untouched; where the input has tags itself, only the continuity
counters of that PID are renumbered.

Source: Apple, "Timed Metadata for HTTP Live Streaming"; ISO/IEC 13818-1, 2.4.4.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from headrace.base.errors import PacketError
from headrace.mpegts.metadata import Metadata
from headrace.mpegts.packet import (
    NULL_PID,
    PAT_PID,
    PacketFinder,
    TsPacket,
    decode_packet,
    packet_pid,
    split_into_packets,
)
from headrace.mpegts.pes import decode_pes_header
from headrace.mpegts.psi import (
    MAX_SECTION_BYTES,
    ProgramMap,
    SectionAssembler,
    decode_pat,
    decode_pmt,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.stream_type import VIDEO_STREAM_TYPES
from headrace.mpegts.timed_id3 import (
    encode_tag_pes,
    find_timed_id3_pid,
    metadata_pointer_descriptor,
    timed_id3_stream,
)

FIRST_METADATA_PID: Final = 0x0102
MAX_PENDING_TAGS: Final = 64
"""Tags that wait for the first program map; the oldest goes first, being the least news."""


@dataclass(frozen=True, slots=True)
class FrameStart:
    """A frame of the program's video (of its first stream, where there is no video) is about to pass.

    Attributes:
        pts_90khz: Its presentation time modulo 2**33.
        random_access: Decoding can start with it, as far as the encoder says so.
    """

    pts_90khz: int
    random_access: bool


Annotator: TypeAlias = Callable[[FrameStart], Metadata | None]


class MetadataInjector:
    """Rewrites a transport stream so that it carries Timed ID3. Never raises on what it is fed.

    Args:
        annotate: Asked before each frame; the tag it returns is sent just before that frame, with its exact
            presentation time, or waits while not `ready`. Must give metadata that `encode_metadata` takes.
        active: Begin to declare the metadata stream at once; otherwise at the first `insert` or with
            `activate`, and until then everything passes as it is.

    Attributes:
        drops: What was not understood or had no room, by reason.
        last_pts_90khz: Presentation time of the frame that passed last, None before the first.
    """

    __slots__ = (
        "_active",
        "_annotate",
        "_finder",
        "_frame_pid",
        "_id3_counter",
        "_id3_pid",
        "_input_tag_bytes",
        "_owns_id3_pid",
        "_pat",
        "_pending",
        "_pmt",
        "_pmt_counter",
        "_pmt_pid",
        "_seen_pids",
        "drops",
        "last_pts_90khz",
    )

    def __init__(self, annotate: Annotator | None = None, *, active: bool = True) -> None:
        self._annotate = annotate
        self._active = active
        self._finder = PacketFinder()
        self._seen_pids: set[int] = set()
        self._pat = SectionAssembler()
        self._pmt = SectionAssembler()
        self._pmt_pid: int | None = None
        self._pmt_counter: int | None = None
        self._frame_pid: int | None = None
        self._id3_pid: int | None = None
        self._owns_id3_pid = True
        self._id3_counter = 15
        self._input_tag_bytes = 0
        self._pending: deque[tuple[Metadata, int]] = deque()
        self.drops: Counter[str] = Counter()
        self.last_pts_90khz: int | None = None

    @property
    def ready(self) -> bool:
        """Whether the metadata stream is declared, so that tags pass at once."""
        return self._active and self._id3_pid is not None

    def activate(self) -> None:
        """Declare the metadata stream from the next program map on."""
        self._active = True

    def feed(self, ts: bytes) -> bytes:
        """Return what to send for the next bytes of the input: whole packets."""
        return b"".join([self._handle_packet(packet) for packet in self._finder.feed(ts)])

    def flush(self) -> bytes:
        """Return what to send at the end of the input."""
        return b"".join([self._handle_packet(packet) for packet in self._finder.flush()])

    def insert(self, metadata: Metadata, pts_90khz: int) -> bytes:
        """Return the packets of a tag, to be sent now; none if it must wait, and then `feed` returns them.

        A tag waits for the first program map, and for the end of a tag of the input's own.

        Raises:
            ValueError: As `encode_metadata`.
        """
        self.queue(metadata, pts_90khz)
        return self._take_pending()

    def queue(self, metadata: Metadata, pts_90khz: int) -> None:
        """Let a tag go with the next packets that `feed` returns and that may follow a tag.

        Raises:
            ValueError: As `encode_metadata`.
        """
        encode_tag_pes(metadata, pts_90khz)
        self._active = True
        if len(self._pending) == MAX_PENDING_TAGS:
            self._pending.popleft()
            self.drops["too_many_pending_tags"] += 1
        self._pending.append((metadata, pts_90khz))

    def _take_pending(self) -> bytes:
        out = b""
        while self._pending and self._id3_pid is not None and self._input_tag_bytes == 0:
            metadata, pts_90khz = self._pending.popleft()
            packets, self._id3_counter = split_into_packets(
                self._id3_pid, self._id3_counter, encode_tag_pes(metadata, pts_90khz)
            )
            out += packets
        return out

    def _handle_packet(self, data: bytes) -> bytes:
        pid = packet_pid(data)
        if pid == self._id3_pid and self._owns_id3_pid:
            # The input has begun to use the PID that was free: the next program map says another.
            self._id3_pid = None
        self._seen_pids.add(pid)
        if pid not in (PAT_PID, self._pmt_pid, self._frame_pid, self._id3_pid):
            return data
        try:
            return self._handle_known_packet(decode_packet(data), data)
        except PacketError as error:
            self.drops[error.reason] += 1
            return b"" if pid == self._pmt_pid and self._active else data

    def _handle_known_packet(self, packet: TsPacket, data: bytes) -> bytes:
        if packet.transport_error or packet.scrambled:
            return data
        if packet.pid == PAT_PID:
            self._handle_pat(packet)
            return data
        if packet.pid == self._pmt_pid:
            return self._handle_pmt_packet(packet, data)
        if packet.pid == self._id3_pid:
            return self._renumber(packet, data)
        return self._annotation(packet) + data

    def _handle_pat(self, packet: TsPacket) -> None:
        for section in self._pat.feed(packet.payload, payload_unit_start=packet.payload_unit_start):
            pat = decode_pat(section)
            pids = [pid for program, pid in pat.program_pids if program and pid not in (PAT_PID, NULL_PID)]
            self._seen_pids.update(pids)
            if pat.current and pids and self._pmt_pid not in pids:
                self._pmt_pid, self._pmt_counter = pids[0], None
                self._pmt.reset()
                self._frame_pid = self._id3_pid = None

    def _handle_pmt_packet(self, packet: TsPacket, data: bytes) -> bytes:
        if not packet.has_payload:
            return data
        sections = self._pmt.feed(packet.payload, payload_unit_start=packet.payload_unit_start)
        rewritten = [self._handle_section(section) for section in sections]
        if not self._active:
            self._pmt_counter = packet.continuity_counter
            return data
        if self._pmt_counter is None:
            self._pmt_counter = (packet.continuity_counter - 1) & 15
        if not sections:
            return b""
        unit = sections_to_unit(rewritten)
        packets, self._pmt_counter = split_into_packets(packet.pid, self._pmt_counter, unit)
        return packets + self._take_pending()

    def _handle_section(self, section: bytes) -> bytes:
        """Return the section to send instead: the same, if it is not a program map that can be extended."""
        try:
            pmt = decode_pmt(section)
            if not pmt.current or not pmt.streams:
                return section
            video = [stream.pid for stream in pmt.streams if stream.stream_type in VIDEO_STREAM_TYPES]
            self._frame_pid = video[0] if video else pmt.streams[0].pid
            return self._extend(pmt) if self._active else section
        except PacketError as error:
            self.drops[error.reason] += 1
        except ValueError:
            self._id3_pid = None
            self.drops[f"pmt_over_{MAX_SECTION_BYTES}_bytes"] += 1
        return section

    def _extend(self, pmt: ProgramMap) -> bytes:
        present_pid = find_timed_id3_pid(pmt)
        self._seen_pids.update(stream.pid for stream in pmt.streams)
        version = (pmt.version + 1) % 32
        if present_pid is not None:
            self._id3_pid, self._owns_id3_pid = present_pid, False
            return encode_pmt(replace(pmt, version=version))
        if self._id3_pid is None or not self._owns_id3_pid or self._id3_pid in self._seen_pids:
            self._id3_pid, self._owns_id3_pid = self._free_pid(pmt), True
            self._input_tag_bytes = 0
        pointer = metadata_pointer_descriptor(pmt.program_number)
        return encode_pmt(
            replace(
                pmt,
                version=version,
                descriptors=(*pmt.descriptors, pointer),
                streams=(*pmt.streams, timed_id3_stream(self._id3_pid)),
            )
        )

    def _free_pid(self, pmt: ProgramMap) -> int:
        taken = self._seen_pids | {pmt.pcr_pid}
        for pid in range(FIRST_METADATA_PID, NULL_PID):
            if pid not in taken:
                return pid
        raise PacketError("no_free_pid")

    def _renumber(self, packet: TsPacket, data: bytes) -> bytes:
        """Return a packet of the input's own metadata with the continuity counter that follows ours."""
        if packet.payload_unit_start:
            length_bytes = int.from_bytes(packet.payload[4:6], "big")
            self._input_tag_bytes = 6 + length_bytes if length_bytes else 0
        if packet.has_payload:
            self._id3_counter = (self._id3_counter + 1) & 15
            self._input_tag_bytes = max(0, self._input_tag_bytes - len(packet.payload))
        data = data[:3] + bytes([data[3] & 0xF0 | self._id3_counter]) + data[4:]
        return data + self._take_pending()

    def _annotation(self, packet: TsPacket) -> bytes:
        """Return the tags to send before this packet of the frame stream."""
        if not packet.payload_unit_start:
            return b""
        pts_90khz = decode_pes_header(packet.payload).pts_90khz
        if pts_90khz is None:
            return b""
        self.last_pts_90khz = pts_90khz
        if self._annotate is not None:
            metadata = self._annotate(FrameStart(pts_90khz, packet.random_access))
            if metadata:
                self.queue(metadata, pts_90khz)
        return self._take_pending()
