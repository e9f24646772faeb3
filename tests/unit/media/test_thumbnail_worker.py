"""What the process does with what it is sent."""

import io

from tests.support.keyframes import keyframe_stream

from headrace.media.thumbnail import Thumbnail
from headrace.media.thumbnail_worker import serve
from headrace.media.thumbnailer import LENGTH


def served(*pieces: bytes) -> list[bytes]:
    """Return what comes back, the first being that it is ready."""
    out = io.BytesIO()
    serve(io.BytesIO(b"".join(LENGTH.pack(len(piece)) + piece for piece in pieces)), out)
    out.seek(0)
    answers = []
    while head := out.read(LENGTH.size):
        answers.append(out.read(LENGTH.unpack(head)[0]))
    return answers


def test_each_piece_is_answered_by_a_picture_and_one_that_is_none_by_nothing() -> None:
    ready, first, second, third = served(keyframe_stream(), b"rubbish" * 100, keyframe_stream())
    assert ready == b""
    assert Thumbnail.decode(first).width == 320
    assert second == b""
    assert third == first


def test_it_ends_where_its_input_ends_in_the_middle_of_a_length() -> None:
    out = io.BytesIO()
    serve(io.BytesIO(b"\0\0"), out)
    assert out.getvalue() == LENGTH.pack(0)
