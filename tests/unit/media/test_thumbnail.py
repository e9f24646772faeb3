"""A picture and what goes with it, from one process to another."""

import json

import pytest

from headrace.media.errors import MediaError
from headrace.media.thumbnail import MAX_TITLE_CHARACTERS, Thumbnail

JPEG = b"\xff\xd8picture"
GOOD = Thumbnail(JPEG, "h264", 1280, 720, has_reordering=True, title="Bridge \u2192 quay")


def with_facts(**changed: object) -> bytes:
    facts = {"codec": "h264", "width": 1280, "height": 720, "has_reordering": True, "title": None, **changed}
    head = json.dumps(facts).encode()
    return len(head).to_bytes(2, "big") + head + JPEG


def test_it_comes_out_as_it_went_in() -> None:
    assert Thumbnail.decode(GOOD.encode()) == GOOD
    assert Thumbnail.decode(with_facts()).title is None


def test_a_title_is_cut() -> None:
    title = Thumbnail.decode(Thumbnail(JPEG, "h264", 1, 1, title="x" * 1000).encode()).title
    assert title == "x" * MAX_TITLE_CHARACTERS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\x02{}" + JPEG,
        b"\0\x02[]" + JPEG,
        GOOD.encode().replace(JPEG, b"<html>"),
        with_facts(width=0),
        with_facts(width=True),
        with_facts(height=1 << 40),
        with_facts(codec=None),
        with_facts(codec="c" * 33),
        with_facts(has_reordering=1),
        with_facts(title=7),
        with_facts(title="x" * (MAX_TITLE_CHARACTERS + 1)),
        with_facts(more=1),
    ],
)
def test_a_process_that_has_gone_bad_is_not_believed(data: bytes) -> None:
    with pytest.raises(MediaError):
        Thumbnail.decode(data)
