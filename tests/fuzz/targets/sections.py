"""Tables: sections put together from payloads; PAT, PMT and descriptors, with right and wrong checksums."""

from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.transport import long_descriptors

from headrace.base.errors import PacketError
from headrace.mpegts.psi import (
    MAX_SECTION_BYTES,
    Descriptor,
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    SectionAssembler,
    crc32_mpeg2,
    decode_pat,
    decode_pmt,
    encode_pat,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.timed_id3 import find_timed_id3_pid, timed_id3_stream

_PAYLOAD_BYTES: Final = 184


def run(data: bytes) -> int:
    """Take an input as one section, as one with its checksum mended, and as payloads of packets."""
    for section in (data, mended(data)):
        _section(section[:MAX_SECTION_BYTES])
    reader, assembler = Reader(data), SectionAssembler()
    while not reader.is_over:
        begins, length = divmod(reader.number(1), 128)
        try:
            for section in assembler.feed(
                reader.take(length % (_PAYLOAD_BYTES + 1)), payload_unit_start=bool(begins)
            ):
                assert 3 <= len(section) <= MAX_SECTION_BYTES
                _section(section)
        except PacketError as error:
            assert error.reason.isidentifier()
            assert not assembler.is_within_section
    return 4 * len(data)


def _section(section: bytes) -> None:
    try:
        pat = decode_pat(section)
        assert len(pat.program_pids) <= len(section) // 4
        assert decode_pat(encode_pat(pat)) == pat
    except PacketError as error:
        assert error.reason.isidentifier()
    try:
        pmt = decode_pmt(section)
        assert len(pmt.streams) <= len(section) // 5
        assert decode_pmt(encode_pmt(pmt)) == pmt
        find_timed_id3_pid(pmt)
    except PacketError as error:
        assert error.reason.isidentifier()


def mended(data: bytes) -> bytes:
    """Return a section whose length and checksum are right."""
    if len(data) < 12:
        return data
    length_bytes = min(len(data), 0xFFF) - 3
    body = data[:1] + (0xB000 | length_bytes).to_bytes(2, "big") + data[3 : length_bytes - 1]
    return body + crc32_mpeg2(body).to_bytes(4, "big")


def table_sections() -> list[bytes]:
    """Return tables of several kinds."""
    streams = (
        ElementaryStream(StreamType.H264, 0x100),
        ElementaryStream(StreamType.AAC_ADTS, 0x101, (Descriptor(0x0A, b"eng\0"),)),
        ElementaryStream(StreamType.PRIVATE_DATA, 0x102, (Descriptor(0x05, b"AV01"),)),
        timed_id3_stream(0x103),
    )
    many = tuple(ElementaryStream(StreamType.MPEG2_AUDIO, 0x200 + number) for number in range(150))
    return [
        encode_pat(ProgramAssociation(1, 0, ((1, 0x1000),))),
        encode_pat(ProgramAssociation(1, 3, ((0, 0x10), (1, 0x1000), (2, 0x1001)), current=False)),
        encode_pmt(ProgramMap(1, 0, 0x100, (), streams[:1])),
        encode_pmt(ProgramMap(1, 9, 0x100, long_descriptors(2), streams)),
        encode_pmt(ProgramMap(2, 31, 0x1FFF, (), many)),
        encode_pmt(ProgramMap(3, 1, 0x100, long_descriptors(9), ())),
    ]


def seeds() -> list[bytes]:
    """Return sections alone, and in payloads."""
    sections = table_sections()
    unit = sections_to_unit([sections[0], sections[3]])
    pieces = [unit[at : at + 127] for at in range(0, len(unit), 127)]
    script = b"".join(bytes([(128 if not at else 0) + len(piece)]) + piece for at, piece in enumerate(pieces))
    return [*sections, script]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the section with a field wrong; mostly with a right checksum."""
    spoilt = make_wrong(data, random)
    return mended(spoilt) if random.random() < 0.6 else spoilt


TARGET = Target(run, seeds, wrong, max_bytes=1100, lines_per_byte=60)
