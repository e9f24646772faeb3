"""Who fails waits longer and longer, and nobody else does."""

import pytest

from headrace.base.sockaddr import encode_sockaddr
from headrace.hub.failed_attempts import (
    FIRST_WAIT_US,
    FORGET_US,
    FREE_FAILURES,
    FREE_THINGS,
    MAX_REMEMBERED,
    MAX_WAIT_US,
    FailedAttempts,
)

HERE, THERE = encode_sockaddr("10.0.0.1", 1), encode_sockaddr("10.0.0.2", 1)


def failed(count: int, thing: bytes = b"wrong") -> FailedAttempts:
    attempts = FailedAttempts()
    for _ in range(count):
        attempts.note_failure(HERE, thing, 0)
    return attempts


def test_the_first_failures_are_free_and_the_next_one_is_not() -> None:
    assert failed(FREE_FAILURES).wait_us(HERE, b"wrong", 0) == 0
    assert failed(FREE_FAILURES + 1).wait_us(HERE, b"wrong", 0) == FIRST_WAIT_US


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    waits_us = [failed(FREE_FAILURES + count).wait_us(HERE, b"wrong", 0) for count in range(1, 200)]
    assert waits_us[:4] == [FIRST_WAIT_US << doublings for doublings in range(4)]
    assert max(waits_us) == waits_us[-1] == MAX_WAIT_US


def test_a_wait_passes() -> None:
    attempts = failed(FREE_FAILURES + 1)
    assert attempts.wait_us(HERE, b"wrong", FIRST_WAIT_US - 1) == 1
    assert attempts.wait_us(HERE, b"wrong", FIRST_WAIT_US) == 0


def test_neither_another_host_nor_what_else_this_one_tries_waits() -> None:
    attempts = failed(100)
    assert attempts.wait_us(THERE, b"wrong", 0) == 0
    assert attempts.wait_us(HERE, b"right", 0) == 0


def test_other_ports_and_the_rest_of_a_64_wait_too() -> None:
    attempts = failed(100)
    assert attempts.wait_us(encode_sockaddr("10.0.0.1", 9), b"wrong", 0) > 0
    for _ in range(100):
        attempts.note_failure(encode_sockaddr("2001:db8::1", 1), b"wrong", 0)
    assert attempts.wait_us(encode_sockaddr("2001:db8::2", 1), b"wrong", 0) > 0
    assert attempts.wait_us(encode_sockaddr("2001:db8:0:1::2", 1), b"wrong", 0) == 0


@pytest.mark.parametrize(("things", "waits"), [(FREE_THINGS, False), (FREE_THINGS + 1, True)])
def test_a_host_that_fails_with_ever_different_things_waits_with_all(things: int, *, waits: bool) -> None:
    attempts = FailedAttempts()
    for number in range(things):
        attempts.note_failure(HERE, b"guess %d" % number, 0)
    assert (attempts.wait_us(HERE, b"the next guess", 0) > 0) is waits
    assert attempts.wait_us(THERE, b"the next guess", 0) == 0


def test_one_thing_that_fails_for_ever_does_not_count_against_its_host() -> None:
    assert failed(10_000).wait_us(HERE, b"other", 0) == 0


def test_what_nobody_can_have_guessed_waits_alone() -> None:
    attempts = FailedAttempts()
    for number in range(200):
        for _ in range(FREE_FAILURES + 1):
            attempts.note_failure(HERE, b"expired %d" % number, 0, is_guess=False)
    assert attempts.wait_us(HERE, b"expired 7", 0) == FIRST_WAIT_US
    assert attempts.wait_us(HERE, b"new", 0) == 0


def test_success_heals() -> None:
    attempts = failed(100)
    for number in range(100):
        attempts.note_failure(HERE, b"guess %d" % number, 0)
    attempts.note_success(HERE, b"wrong")
    assert attempts.wait_us(HERE, b"wrong", 0) == 0
    assert attempts.wait_us(HERE, b"anything", 0) == 0


def test_what_was_right_before_does_not_wait_with_its_host_unless_it_fails_since() -> None:
    attempts = FailedAttempts()
    attempts.note_success(HERE, b"camera")
    for number in range(100):
        attempts.note_failure(HERE, b"guess %d" % number, 0)
    assert attempts.wait_us(HERE, b"camera", 0) == 0
    assert attempts.wait_us(HERE, b"other", 0) > 0
    attempts.note_failure(HERE, b"camera", 0)
    assert attempts.wait_us(HERE, b"camera", 0) > 0


def test_what_was_right_is_remembered_within_bounds() -> None:
    attempts = FailedAttempts()
    for number in range(MAX_REMEMBERED + 1):
        attempts.note_success(HERE, b"camera %d" % number)
    assert len(attempts) == MAX_REMEMBERED
    for number in range(100):
        attempts.note_failure(HERE, b"guess %d" % number, 0)
    assert attempts.wait_us(HERE, b"camera 0", 0) > 0
    assert attempts.wait_us(HERE, b"camera 1", 0) == 0


def test_old_failures_are_forgotten() -> None:
    attempts = failed(100)
    attempts.note_failure(HERE, b"wrong", FORGET_US)
    assert attempts.wait_us(HERE, b"wrong", FORGET_US) == 0
    younger = failed(100)
    younger.note_failure(HERE, b"wrong", FORGET_US - 1)
    assert younger.wait_us(HERE, b"wrong", FORGET_US - 1) == MAX_WAIT_US


def test_memory_is_bounded_and_the_longest_unheard_of_go_first() -> None:
    attempts = failed(100)
    addresses = [encode_sockaddr(f"11.{n >> 16}.{n >> 8 & 0xFF}.{n & 0xFF}", 1) for n in range(MAX_REMEMBERED)]
    for address in addresses[:-1]:
        attempts.note_failure(address, b"wrong", 0)
    assert len(attempts) == 2 * MAX_REMEMBERED
    assert attempts.wait_us(HERE, b"wrong", 0) > 0
    attempts.note_failure(addresses[-1], b"wrong", 0)
    assert len(attempts) == 2 * MAX_REMEMBERED
    assert attempts.wait_us(HERE, b"wrong", 0) == 0


def test_what_was_tried_is_not_kept() -> None:
    assert b"wrong" not in repr(failed(9)._things._failures).encode()
