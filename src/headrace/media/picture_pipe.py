"""What goes between the broker and the process that re-encodes pictures, as bytes.

To the process go pictures, one after the other. Each is answered by a count in one byte, and so many pictures;
an answer without any says at first that the process is ready. What answers is not to be trusted: it decodes what
strangers send.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.media.errors import MediaError

MAX_PICTURE_BYTES: Final = 4_000_000
"""A keyframe of 4K has one or two megabytes."""
MAX_ANSWER_PICTURES: Final = 32
"""A decoder holds 16 at most back."""
_HEAD: Final = struct.Struct(">IqB")
_COUNT: Final = struct.Struct(">B")
_IS_KEYFRAME: Final = 1
_IS_SHOWN: Final = 2

ReadExactly = Callable[[int], bytes]
"""Returns so many bytes, or fewer where the other side has ended."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One encoded picture.

    Attributes:
        pts_90khz: Presentation time.
        data: Units with start codes.
        is_keyframe: Decoding can start here.
        is_shown: To the process: it is to be encoded again, not only decoded.
    """

    pts_90khz: int
    data: bytes = field(repr=False)
    is_keyframe: bool = False
    is_shown: bool = True


def encode_picture(picture: CodedPicture) -> bytes:
    """Return a picture as bytes."""
    flags = _IS_KEYFRAME * picture.is_keyframe | _IS_SHOWN * picture.is_shown
    return _HEAD.pack(len(picture.data), picture.pts_90khz, flags) + picture.data


def read_picture(read: ReadExactly) -> CodedPicture | None:
    """Return what `encode_picture` made bytes of; None where the other side has ended.

    Raises:
        MediaError: It is longer than a picture.
    """
    head = read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, pts_90khz, flags = _HEAD.unpack(head)
    if length > MAX_PICTURE_BYTES:
        raise MediaError(f"a picture of {length} bytes")
    data = read(length)
    if len(data) < length:
        return None
    return CodedPicture(pts_90khz, data, bool(flags & _IS_KEYFRAME), bool(flags & _IS_SHOWN))


def encode_answer(pictures: Sequence[CodedPicture]) -> bytes:
    """Return an answer as bytes, of at most `MAX_ANSWER_PICTURES` pictures."""
    some = [one for one in pictures if len(one.data) <= MAX_PICTURE_BYTES][:MAX_ANSWER_PICTURES]
    return _COUNT.pack(len(some)) + b"".join(map(encode_picture, some))


def read_answer(read: ReadExactly) -> list[CodedPicture]:
    """Return the pictures of an answer.

    Raises:
        MediaError: The other side has ended, or gone mad.
    """
    count = read(_COUNT.size)
    if not count or count[0] > MAX_ANSWER_PICTURES:
        raise MediaError("what re-encodes pictures has ended" if not count else "what re-encodes pictures is mad")
    pictures = []
    for _ in range(count[0]):
        picture = read_picture(read)
        if picture is None:
            raise MediaError("what re-encodes pictures has ended")
        pictures.append(picture)
    return pictures
