"""Refusal codes as they stand on the wire, and what people read."""

import pytest

from headrace.srt.rejection import ConnectionRejectedError, RejectReason, explain_rejection


def test_every_code_is_a_refusal_on_the_wire() -> None:
    assert all(reason >= 1000 for reason in RejectReason)


def test_predefined_codes_are_1000_and_the_reason() -> None:
    assert [reason.value for reason in RejectReason][:18] == list(range(1000, 1018))
    assert RejectReason(1010) is RejectReason.BAD_SECRET
    assert RejectReason(2404) is RejectReason.NOT_FOUND


@pytest.mark.parametrize("reason", list(RejectReason))
def test_every_code_has_words(reason: RejectReason) -> None:
    assert explain_rejection(reason)
    assert str(int(reason)) not in explain_rejection(reason)


def test_an_unknown_code_is_named_by_its_number() -> None:
    assert explain_rejection(3017) == "refused with code 3017"


def test_the_error_carries_code_and_words() -> None:
    error = ConnectionRejectedError(2409)
    assert error.code == RejectReason.CONFLICT
    assert str(error) == "refused (2409): this channel has a live producer already"


def test_who_knows_more_than_the_code_says_it() -> None:
    assert str(ConnectionRejectedError(1011, "here it means this")) == "refused (1011): here it means this"
