"""What goes to the process and what comes back."""

import io

import pytest

from headrace.media.errors import MediaError
from headrace.media.picture_pipe import (
    MAX_ANSWER_PICTURES,
    MAX_PICTURE_BYTES,
    CodedPicture,
    encode_answer,
    encode_picture,
    read_answer,
    read_picture,
)

PICTURE = CodedPicture(-7, b"\0\0\0\1picture", is_keyframe=True, is_shown=False)


def test_pictures_come_out_as_they_went_in() -> None:
    pipe = io.BytesIO(encode_picture(PICTURE) + encode_picture(CodedPicture(1 << 40, b"")))
    assert read_picture(pipe.read) == PICTURE
    assert read_picture(pipe.read) == CodedPicture(1 << 40, b"")
    assert read_picture(pipe.read) is None


def test_answers_come_out_as_they_went_in() -> None:
    pipe = io.BytesIO(encode_answer([]) + encode_answer([PICTURE, PICTURE]))
    assert read_answer(pipe.read) == []
    assert read_answer(pipe.read) == [PICTURE, PICTURE]


def test_half_a_picture_is_none_and_half_an_answer_an_error() -> None:
    assert read_picture(io.BytesIO(encode_picture(PICTURE)[:-1]).read) is None
    for end in (0, -1, 5):
        with pytest.raises(MediaError, match="ended"):
            read_answer(io.BytesIO(encode_answer([PICTURE])[:end]).read)


def test_what_is_too_long_is_not_read() -> None:
    size = MAX_PICTURE_BYTES
    longest = CodedPicture(0, bytes(size))
    assert read_picture(io.BytesIO(encode_picture(longest)).read) == longest
    with pytest.raises(MediaError, match="bytes"):
        read_picture(io.BytesIO(encode_picture(CodedPicture(0, bytes(size + 1)))).read)
    with pytest.raises(MediaError, match="mad"):
        read_answer(io.BytesIO(bytes([MAX_ANSWER_PICTURES + 1])).read)


def test_an_answer_has_no_more_than_can_be_read() -> None:
    many = [PICTURE] * (MAX_ANSWER_PICTURES + 1) + [CodedPicture(0, bytes(MAX_PICTURE_BYTES + 1))]
    assert len(read_answer(io.BytesIO(encode_answer(many)).read)) == MAX_ANSWER_PICTURES
    assert read_answer(io.BytesIO(encode_answer(many[-2:])).read) == [PICTURE]
