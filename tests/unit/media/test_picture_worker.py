"""What the process does with what it is sent."""

import io

from tests.support.reordered import reordered_units

from headrace.codecs.annex_b import join_annex_b
from headrace.media.picture_pipe import CodedPicture, encode_picture, read_answer
from headrace.media.picture_transcoder import PictureTranscoder
from headrace.media.picture_worker import serve


def served(*pictures: CodedPicture) -> list[list[CodedPicture]]:
    """Return what comes back, the first being that it is ready."""
    out = io.BytesIO()
    serve(PictureTranscoder("h264"), io.BytesIO(b"".join(map(encode_picture, pictures))), out)
    end = out.tell()
    out.seek(0)
    answers = []
    while out.tell() < end:
        answers.append(read_answer(out.read))
    return answers


def test_each_picture_is_answered_and_one_that_is_none_by_nothing() -> None:
    pictures = [CodedPicture(unit.pts_90khz, join_annex_b(unit.data)) for unit in reordered_units(10)]
    ready, first, *others = served(CodedPicture(0, b"rubbish" * 100), *pictures)
    assert (ready, first) == ([], [])
    assert len(others) == len(pictures)
    assert len([made for answer in others for made in answer]) >= 8
