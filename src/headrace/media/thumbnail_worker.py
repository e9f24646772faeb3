"""The process that makes thumbnails: reads pieces of streams from its input, writes pictures to its output.

Each piece and each picture follows its length in four bytes, most significant first; a picture of length 0 is
none, and one of those says at first that the process is ready.
What it decodes comes from strangers: it may use little memory, open no file for writing, and start no process.
"""

import sys
from typing import BinaryIO, Final

from headrace.media.confinement import confine
from headrace.media.errors import MediaError
from headrace.media.thumbnail_picture import thumbnail_of, warm_up
from headrace.media.thumbnailer import LENGTH

MAX_MEMORY_BYTES: Final = 2_000_000_000
"""Of address space, of which FFmpeg's libraries take half a gigabyte: enough for two pictures of 8192 x 4320."""


def main() -> None:
    """Run until the input ends."""
    warm_up()
    confine(MAX_MEMORY_BYTES)
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(pieces: BinaryIO, pictures: BinaryIO) -> None:
    """Answer each piece of ``pieces`` with a picture in ``pictures``, until there are no more."""
    _write(pictures, b"")
    while len(head := pieces.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        _write(pictures, _picture_of(pieces.read(length)))


def _write(pictures: BinaryIO, picture: bytes) -> None:
    pictures.write(LENGTH.pack(len(picture)) + picture)
    pictures.flush()


def _picture_of(piece: bytes) -> bytes:
    try:
        thumbnail = thumbnail_of(piece)
    except (MediaError, MemoryError):
        return b""
    return b"" if thumbnail is None else thumbnail.encode()


if __name__ == "__main__":
    main()
