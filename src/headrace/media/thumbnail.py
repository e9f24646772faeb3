"""A small picture of a stream, and what was seen of the stream when it was made.

It goes from one process to another as bytes, and the one that makes it is not to be trusted: it decodes what
strangers send.
"""

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from headrace.media.errors import MediaError

MAX_TITLE_CHARACTERS: Final = 200
MAX_PIXELS_OF_A_SIDE: Final = 16_384
_HEAD: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One picture.

    Attributes:
        jpeg: 480 x 270 pixels.
        codec: Of the video, as FFmpeg calls it: ``h264``.
        width: Of the video, in pixels.
        height: Of the video, in pixels.
        has_reordering: Whether pictures are sent in another order than they are shown: there are B-frames.
        title: What the producer calls it, or None.
    """

    jpeg: bytes = field(repr=False)
    codec: str
    width: int
    height: int
    has_reordering: bool = False
    title: str | None = None

    def encode(self) -> bytes:
        """Return it as bytes."""
        facts = {name: value for name, value in asdict(self).items() if name != "jpeg"}
        facts["title"] = None if self.title is None else self.title[:MAX_TITLE_CHARACTERS]
        head = json.dumps(facts).encode()
        return _HEAD.pack(len(head)) + head + self.jpeg

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return what `encode` made bytes of.

        Raises:
            MediaError: It was something else.
        """
        try:
            (length,) = _HEAD.unpack_from(data)
            facts = json.loads(data[_HEAD.size : _HEAD.size + length])
            made = cls(data[_HEAD.size + length :], **facts)
        except (struct.error, ValueError, TypeError, RecursionError):
            raise MediaError("what makes thumbnails made none") from None
        _check(made)
        return made


def _check(made: Thumbnail) -> None:
    title = made.title
    is_good = (
        made.jpeg.startswith(b"\xff\xd8")
        and isinstance(made.codec, str)
        and len(made.codec) <= 32
        and isinstance(made.has_reordering, bool)
        and all(type(side) is int and 0 < side <= MAX_PIXELS_OF_A_SIDE for side in (made.width, made.height))
        and (title is None or (isinstance(title, str) and len(title) <= MAX_TITLE_CHARACTERS))
    )
    if not is_good:
        raise MediaError("what makes thumbnails says what cannot be")
