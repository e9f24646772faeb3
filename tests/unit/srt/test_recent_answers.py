from itertools import count

import pytest
from tests.support.answers import remembered

from headrace.srt import recent_answers
from headrace.srt.recent_answers import COOKIE_MINUTE_US, Accepted, RecentAnswers

CALLER = b"caller"
NOW_US = 7 * COOKIE_MINUTE_US + 59_000_000
"""Late in a minute: what was accepted now is good for less than two."""
STALE_US = 9 * COOKIE_MINUTE_US


def test_an_answer_is_found_until_the_cookies_of_its_minute_are_stale_and_then_takes_no_memory() -> None:
    answers = RecentAnswers()
    answers.keep(1, CALLER, b"answer", NOW_US)
    assert answers.find(CALLER, NOW_US) == answers.find(CALLER, STALE_US - 1) == Accepted(b"answer", NOW_US)
    assert not answers.has_ended(CALLER, STALE_US - 1)
    assert answers.find(b"other", NOW_US) is None
    assert answers.find(CALLER, STALE_US) is None
    assert remembered(answers) == 0


def test_after_long_silence_nothing_is_left() -> None:
    answers = RecentAnswers()
    answers.keep(1, CALLER, b"answer", NOW_US)
    assert answers.find(CALLER, NOW_US + 10 * COOKIE_MINUTE_US) is None
    assert remembered(answers) == 0


@pytest.mark.parametrize("ended_us", [NOW_US, STALE_US - 1], ids=["in the same minute", "in the next one"])
def test_who_has_ended_is_known_as_that_until_its_cookies_are_stale(ended_us: int) -> None:
    answers = RecentAnswers()
    answers.keep(1, CALLER, b"answer", NOW_US)
    answers.end(1, ended_us)
    assert answers.find(CALLER, ended_us) is None
    assert answers.has_ended(CALLER, STALE_US - 1)
    assert not answers.has_ended(CALLER, STALE_US)
    assert remembered(answers) == 0


def test_a_connection_that_ends_long_after_its_handshake_or_twice_leaves_no_trace() -> None:
    answers = RecentAnswers()
    answers.keep(1, CALLER, b"answer", NOW_US)
    answers.end(1, STALE_US)
    answers.end(1, STALE_US)
    assert remembered(answers) == 0


def test_the_memory_of_ended_connections_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_answers, "MAX_ENDED_REMEMBERED", 3)
    answers = RecentAnswers()
    callers = [b"%d" % number for number in range(5)]
    for socket_id, caller in zip(count(1), callers, strict=False):
        answers.keep(socket_id, caller, b"answer", NOW_US)
        answers.end(socket_id, NOW_US)
    assert [answers.has_ended(caller, NOW_US) for caller in callers] == [False, False, True, True, True]
