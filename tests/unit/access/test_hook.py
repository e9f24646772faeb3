"""What a hook is asked and what its answers mean."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule
from headrace.access.gate import Denial, Grant
from headrace.access.hook import (
    MAX_ANSWER_BYTES,
    MAX_SECONDS,
    HookQuestion,
    HookVerdict,
    decode_answer,
    encode_end,
    encode_question,
    question_of,
)

GRANT = Grant(Verb.PUBLISH, ChannelRule("cam1"), key_id=3)
QUESTION = question_of(GRANT, "203.0.113.7", "ann", "hunter2")


def answer(status: int = 200, **body: Any) -> HookVerdict:
    return decode_answer(status, json.dumps(body).encode())


def code(verdict: HookVerdict) -> int | None:
    return None if verdict.denial is None else verdict.denial.code


def test_a_question_says_who_wants_what_and_of_the_credential_only_its_hash() -> None:
    assert json.loads(encode_question(QUESTION)) == {
        "version": 1,
        "event": "publish",
        "channel": "cam1",
        "address": "203.0.113.7",
        "key_id": 3,
        "token_id": None,
        "user": "ann",
        "credential_sha256": sha256(b"hunter2").hexdigest(),
    }
    assert b"hunter2" not in encode_question(QUESTION)
    assert sha256(b"hunter2").hexdigest() not in repr(QUESTION)


def test_who_shows_nothing_has_no_hash() -> None:
    question = question_of(Grant(Verb.REQUEST, ChannelRule("cam1"), token_id="t1"), "::1", None, None)
    facts = json.loads(encode_question(question))
    assert (facts["event"], facts["token_id"], facts["credential_sha256"]) == ("subscribe", "t1", None)


def test_an_end_says_of_what_and_after_how_long() -> None:
    facts = json.loads(encode_end(QUESTION, 12_340_000))
    assert (facts["event"], facts["of"], facts["seconds"], facts["channel"]) == ("end", "publish", 12.3, "cam1")


def test_only_a_clear_yes_is_one() -> None:
    assert answer(allow=True) == HookVerdict()
    assert answer(allow=True, seconds=60, other=[1]) == HookVerdict(seconds=60)


def test_a_no_has_a_code_and_a_reason() -> None:
    assert answer(allow=False) == HookVerdict(Denial(2403, "the hook said no"))
    assert answer(allow=False, code=2401, why="unpaid") == HookVerdict(Denial(2401, "unpaid"))


@pytest.mark.parametrize("wrong", [1000, 2500, 0, -1, True, "2401", None, [2401], 2401.0, 10**30])
def test_a_no_with_another_code_is_forbidden(wrong: object) -> None:
    assert code(answer(allow=False, code=wrong)) == 2403


def test_a_reason_that_would_spoil_a_log_is_left_out_and_a_long_one_is_cut() -> None:
    for why in ("a\nb", "\x1b[31m", 7, None):
        assert answer(allow=False, why=why) == HookVerdict(Denial(2403, "the hook said no"))
    cut = answer(allow=False, why="x" * 1000).denial
    assert cut is not None
    assert cut.why == "x" * 200


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, 2401),
        (403, 2403),
        (404, 2404),
        (429, 2402),
        (503, 2402),
        (500, 2500),
        (302, 2500),
        (204, 2500),
        (0, 2500),
    ],
)
def test_without_a_body_the_status_says_no(status: int, expected: int) -> None:
    assert code(decode_answer(status, b"")) == expected
    assert code(answer(status, allow=True)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"true",
        b"{}",
        b"[]",
        b"<html>",
        b"\xff",
        b"[" * 3000,
        b'{"allow": 1}',
        b'{"allow": "true"}',
        b'{"allow": null}',
        b'{"allow": true}' + b" " * MAX_ANSWER_BYTES,
        b'{"allow": true, "seconds": 0}',
        b'{"allow": true, "seconds": 1.5}',
        b'{"allow": true, "seconds": true}',
        b'{"allow": true, "seconds": %d}' % (MAX_SECONDS + 1),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_no(body: bytes) -> None:
    assert code(decode_answer(200, body)) == 2500


@given(st.integers(0, 999), st.binary(max_size=200))
def test_no_bytes_raise_or_open(status: int, body: bytes) -> None:
    assert decode_answer(status, body).denial is not None


def test_questions_of_the_same_caller_are_equal_so_that_its_repetitions_are_one() -> None:
    assert question_of(GRANT, "203.0.113.7", "ann", "hunter2") == QUESTION
    assert question_of(GRANT, "203.0.113.7", "ann", "hunter3") != QUESTION
    assert isinstance(hash(QUESTION), int)
    assert isinstance(QUESTION, HookQuestion)
