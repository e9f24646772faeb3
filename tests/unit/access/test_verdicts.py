"""What a hook has said is kept for as long as it holds, within bounds."""

from dataclasses import replace

import pytest

from headrace.access.ask import Verb
from headrace.access.gate import Denial
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.access.verdicts import (
    FAILURE_KEPT_US,
    MAX_KEPT,
    MAX_PENDING,
    MAX_PENDING_PER_HOST,
    MIN_KEPT_US,
    PENDING_LIFETIME_US,
    Verdicts,
)

KEPT_US = 10_000_000
YES = HookVerdict()


def question(number: int = 0) -> HookQuestion:
    return HookQuestion(Verb.REQUEST, "cam1", f"10.0.{number >> 8}.{number & 255}")


def test_a_question_is_asked_once_while_its_answer_is_out() -> None:
    verdicts = Verdicts(KEPT_US)
    assert [verdicts.ask(question(), at) for at in (0, 250_000, 500_000)] == [None] * 3
    assert verdicts.poll_questions() == [question()]
    assert verdicts.poll_questions() == []


def test_an_answer_holds_for_its_time_and_then_the_question_is_asked_again() -> None:
    verdicts = Verdicts(KEPT_US)
    verdicts.ask(question(), 0)
    verdicts.poll_questions()
    verdicts.handle_verdict(question(), YES, 100)
    assert verdicts.ask(question(), KEPT_US + 99) == YES
    assert verdicts.poll_questions() == []
    assert verdicts.ask(question(), KEPT_US + 100) is None
    assert verdicts.poll_questions() == [question()]


def test_an_answer_holds_long_enough_for_the_caller_that_it_is_for() -> None:
    verdicts = Verdicts(0)
    verdicts.handle_verdict(question(), YES, 0)
    assert verdicts.ask(question(), MIN_KEPT_US - 1) == YES
    assert verdicts.ask(question(), MIN_KEPT_US) is None


@pytest.mark.parametrize("seconds", [1, 2, 9])
def test_a_yes_for_some_seconds_holds_no_longer_than_these(seconds: int) -> None:
    verdicts = Verdicts(KEPT_US)
    verdicts.handle_verdict(question(), HookVerdict(seconds=seconds), 100)
    ends_us = 100 + seconds * 1_000_000
    for now_us in 100, ends_us - 1:
        assert verdicts.ask(question(), now_us) == HookVerdict(seconds=seconds, ends_us=ends_us)
    assert verdicts.ask(question(), ends_us) is None
    assert verdicts.poll_questions() == [question()]


def test_a_yes_for_longer_than_answers_hold_is_asked_for_again_and_counts_anew() -> None:
    verdicts = Verdicts(KEPT_US)
    yes = HookVerdict(seconds=600)
    verdicts.handle_verdict(question(), yes, 0)
    assert verdicts.ask(question(), KEPT_US - 1) == replace(yes, ends_us=600_000_000)
    assert verdicts.ask(question(), KEPT_US) is None
    verdicts.handle_verdict(question(), yes, KEPT_US + 5)
    assert verdicts.ask(question(), KEPT_US + 6) == replace(yes, ends_us=KEPT_US + 600_000_005)


@pytest.mark.parametrize(
    ("code", "kept_us"), [(2403, KEPT_US), (2401, KEPT_US), (2402, FAILURE_KEPT_US), (2500, FAILURE_KEPT_US)]
)
def test_a_failure_is_kept_for_less_than_a_no(code: int, kept_us: int) -> None:
    verdicts = Verdicts(KEPT_US)
    said = HookVerdict(Denial(code, ""))
    verdicts.handle_verdict(question(), said, 0)
    assert verdicts.ask(question(), kept_us - 1) == said
    assert verdicts.ask(question(), kept_us) is None


def test_more_questions_than_can_be_out_are_refused_until_one_is_answered() -> None:
    verdicts = Verdicts(KEPT_US)
    assert [verdicts.ask(question(number), 0) for number in range(MAX_PENDING)] == [None] * MAX_PENDING
    refused = verdicts.ask(question(MAX_PENDING), 0)
    assert refused is not None
    assert refused.denial is not None
    assert refused.denial.code == 2402
    assert verdicts.ask(question(0), 0) is None
    verdicts.handle_verdict(question(0), YES, 0)
    assert verdicts.ask(question(MAX_PENDING), 0) is None
    assert len(verdicts.poll_questions()) == MAX_PENDING + 1


def of_host(host: str, number: int) -> HookQuestion:
    return HookQuestion(Verb.REQUEST, f"cam{number}", host)


@pytest.mark.parametrize(
    ("hosts", "same_host", "other_host"),
    [
        (["203.0.113.7"], "203.0.113.7", "203.0.113.8"),
        (["2001:db8::1", "2001:db8::2"], "2001:db8::ffff", "2001:db8:0:1::1"),
    ],
)
def test_one_host_has_its_share_of_the_questions_and_no_more(
    hosts: list[str], same_host: str, other_host: str
) -> None:
    verdicts = Verdicts(KEPT_US)
    asked = [of_host(hosts[number % len(hosts)], number) for number in range(MAX_PENDING_PER_HOST)]
    assert [verdicts.ask(one, 0) for one in asked] == [None] * MAX_PENDING_PER_HOST
    one_more = of_host(same_host, MAX_PENDING_PER_HOST)
    assert verdicts.ask(one_more, 0) is None
    assert verdicts.poll_questions() == asked
    other = of_host(other_host, 0)
    verdicts.ask(other, 0)
    assert verdicts.poll_questions() == [other]
    for _ in range(2):
        verdicts.handle_verdict(asked[0], YES, 0)
    for one in one_more, of_host(same_host, MAX_PENDING_PER_HOST + 1):
        verdicts.ask(one, 0)
    assert verdicts.poll_questions() == [one_more]


def test_a_host_has_its_share_again_when_its_questions_got_lost() -> None:
    verdicts = Verdicts(KEPT_US)
    for number in range(MAX_PENDING_PER_HOST):
        verdicts.ask(of_host("203.0.113.7", number), 0)
    verdicts.poll_questions()
    one_more = of_host("203.0.113.7", MAX_PENDING_PER_HOST)
    verdicts.ask(one_more, PENDING_LIFETIME_US - 1)
    assert verdicts.poll_questions() == []
    verdicts.ask(one_more, PENDING_LIFETIME_US)
    assert verdicts.poll_questions() == [one_more]


def test_a_question_that_got_lost_is_asked_again() -> None:
    verdicts = Verdicts(KEPT_US)
    verdicts.ask(question(), 0)
    verdicts.poll_questions()
    assert verdicts.ask(question(), PENDING_LIFETIME_US - 1) is None
    assert verdicts.poll_questions() == []
    assert verdicts.ask(question(), PENDING_LIFETIME_US) is None
    assert verdicts.poll_questions() == [question()]


def test_of_more_verdicts_than_are_kept_the_oldest_are_forgotten() -> None:
    verdicts = Verdicts(KEPT_US)
    for number in range(MAX_KEPT + 1):
        verdicts.handle_verdict(question(number), YES, 0)
    assert verdicts.ask(question(0), 1) is None
    assert verdicts.ask(question(1), 1) == YES
