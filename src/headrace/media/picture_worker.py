"""The process that re-encodes pictures: `headrace.media.picture_pipe` says what it reads and writes.

``python -m headrace.media.picture_worker CODEC``, where CODEC is a name of FFmpeg's: ``h264``.
"""

import os
import sys
from typing import BinaryIO, Final

import av

from headrace.media.confinement import confine
from headrace.media.errors import MediaError
from headrace.media.picture_pipe import CodedPicture, encode_answer, read_picture
from headrace.media.picture_transcoder import PictureTranscoder

MAX_MEMORY_BYTES: Final = 2_000_000_000
"""Of address space, of which FFmpeg's libraries take half a gigabyte; 1080p takes 0.2 beside that."""
NICENESS: Final = 10
"""What else wants the processor goes first: packets have to leave in time."""


def main() -> None:
    """Run until the input ends."""
    os.nice(NICENESS)
    transcoder = PictureTranscoder(sys.argv[1])
    confine(MAX_MEMORY_BYTES)
    serve(transcoder, sys.stdin.buffer, sys.stdout.buffer)


def serve(transcoder: PictureTranscoder, pictures: BinaryIO, answers: BinaryIO) -> None:
    """Answer each picture of ``pictures``, until there are no more."""
    _write(answers, [])
    while (picture := read_picture(pictures.read)) is not None:
        _write(answers, _answer(transcoder, picture))


def _write(answers: BinaryIO, pictures: list[CodedPicture]) -> None:
    answers.write(encode_answer(pictures))
    answers.flush()


def _answer(transcoder: PictureTranscoder, picture: CodedPicture) -> list[CodedPicture]:
    try:
        return transcoder.convert(picture)
    except (av.FFmpegError, MediaError, ValueError):
        return []  # What is broken is left out: the next picture may be whole.


if __name__ == "__main__":
    main()
