"""What a listener remembers of those whom it has let in."""

from headrace.srt.listener import Listener
from headrace.srt.recent_answers import RecentAnswers, _Minute


def open_answers(listener: Listener) -> int:
    """Return of how many connections that have not ended the answer is remembered."""
    return sum(len(minute.accepted) for minute in _minutes(listener._answers))


def ended_answers(listener: Listener) -> int:
    """Return how many connections are remembered as ended."""
    return sum(len(minute.ended) for minute in _minutes(listener._answers))


def footprint_of(answers: RecentAnswers) -> list[object]:
    """Return all that is held for connections that have not ended."""
    return [held for minute in _minutes(answers) for held in (minute.accepted, minute.callers)]


def remembered(answers: RecentAnswers) -> int:
    """Return how many connections are remembered in any way."""
    return sum(len(minute.accepted) + len(minute.ended) + len(minute.callers) for minute in _minutes(answers))


def _minutes(answers: RecentAnswers) -> tuple[_Minute, _Minute]:
    return answers._now, answers._before
