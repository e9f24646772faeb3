"""How a program map declares a Timed ID3 stream, and the PES packet that carries a tag.

Source: Apple, "Timed Metadata for HTTP Live Streaming", 2.3; ISO/IEC 13818-1, 2.6.58 and 2.6.60.
"""

from typing import Final

from headrace.mpegts.metadata import Metadata, encode_metadata
from headrace.mpegts.pes import PRIVATE_STREAM_1, encode_pes
from headrace.mpegts.psi import Descriptor, ElementaryStream, ProgramMap
from headrace.mpegts.stream_type import StreamType

METADATA_POINTER_TAG: Final = 0x25
METADATA_TAG: Final = 0x26
_ID3_IDENTIFIER: Final = b"ID3 "
_FORMATS: Final = b"\xff\xff" + _ID3_IDENTIFIER + b"\xff" + _ID3_IDENTIFIER
"""Application format and metadata format, both "by identifier", and the identifiers."""
_SERVICE_ID: Final = b"\0"


def metadata_pointer_descriptor(program_number: int) -> Descriptor:
    """Return the descriptor for the program: metadata is in this program, no locator record."""
    return Descriptor(METADATA_POINTER_TAG, _FORMATS + _SERVICE_ID + b"\x1f" + program_number.to_bytes(2, "big"))


def timed_id3_stream(pid: int) -> ElementaryStream:
    """Return the entry of a Timed ID3 stream in a program map."""
    descriptor = Descriptor(METADATA_TAG, _FORMATS + _SERVICE_ID + b"\x0f")
    return ElementaryStream(StreamType.METADATA, pid, (descriptor,))


def find_timed_id3_pid(pmt: ProgramMap) -> int | None:
    """Return the PID of the program's Timed ID3 stream, if it has one."""
    for stream in pmt.streams:
        if stream.stream_type == StreamType.METADATA and any(
            descriptor.tag == METADATA_TAG and _ID3_IDENTIFIER in descriptor.content
            for descriptor in stream.descriptors
        ):
            return stream.pid
    return None


def encode_tag_pes(metadata: Metadata, pts_90khz: int) -> bytes:
    """Return the PES packet of one tag.

    Raises:
        ValueError: As `encode_metadata`.
    """
    return encode_pes(PRIVATE_STREAM_1, encode_metadata(metadata), pts_90khz)
