"""What may be said in a chat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.web.chat_rules import (
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    ChatRates,
    clean_name,
    clean_text,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hello", "hello"), ("  a \n\t b\r\n", "a b"), ("a\x00b\x1b[31m", "ab[31m"), ("\u202egnp.exe", "gnp.exe"),
        ("a\u2066b\u2069", "ab"), ("👩\u200d🚀", "👩\u200d🚀"), ("\u06cc\u200c\u062e", "\u06cc\u200c\u062e"),
        ("<b>bold</b> & <script>", "<b>bold</b> & <script>"), ("e\u0301", "é"), ("\ufeff", ""), ("", ""),
    ],
)  # fmt: skip
def test_text_is_one_line_that_forges_nothing_and_is_shown_as_it_was_typed(text: str, shown: str) -> None:
    assert clean_text(text) == shown


def test_marks_that_run_over_other_lines_are_cut() -> None:
    assert clean_text("x" + "\u0336" * 40) == "x" + "\u0336" * 3


def test_text_at_the_limit_is_whole_and_a_character_more_is_too_long() -> None:
    assert clean_text("ä" * MAX_TEXT_CHARACTERS) == "ä" * MAX_TEXT_CHARACTERS
    assert clean_text("ä" * (MAX_TEXT_CHARACTERS + 1)) is None


def test_what_counts_is_what_is_shown_up_to_four_times_as_much() -> None:
    room = " " * (3 * MAX_TEXT_CHARACTERS)
    assert clean_text("ä" * MAX_TEXT_CHARACTERS + room) == "ä" * MAX_TEXT_CHARACTERS
    assert clean_text("ä" * MAX_TEXT_CHARACTERS + room + " ") is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna", "Anna"), (" Anna  B ", "Anna B"), ("An\u200dna", "Anna"), ("\uff21nna", "Anna"),
        ("a/b/..", "ab.."), ("\u202e", ""), ("x" * 40, "x" * MAX_NAME_CHARACTERS), ("\u2044", "\u2044"),
    ],
)  # fmt: skip
def test_names_that_look_the_same_are_the_same(name: str, shown: str) -> None:
    assert clean_name(name) == shown


@given(st.text(max_size=3000))
def test_whatever_comes_is_short_and_in_one_line(text: str) -> None:
    for shown, limit in ((clean_text(text) or "", MAX_TEXT_CHARACTERS), (clean_name(text), MAX_NAME_CHARACTERS)):
        assert len(shown) <= limit
        assert shown == shown.strip()
        assert not any(character in shown for character in "\n\r\x00\x1b\u202e")
    assert "/" not in clean_name(text)


def test_a_person_may_say_some_things_at_once_and_then_one_a_second() -> None:
    bucket = ChatRates.of_person()
    assert [bucket.afford(1, 0) for _ in range(6)] == [True] * 5 + [False]
    assert [bucket.afford(1, 1_000_000) for _ in range(2)] == [True, False]
