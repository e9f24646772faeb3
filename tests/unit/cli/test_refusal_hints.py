import pytest

from headrace.cli.refusal_hints import publish_hint, watch_hint
from headrace.srt.rejection import ConnectionRejectedError, RejectReason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (RejectReason.UNAUTHORIZED, ["--token-file FILE", "TOKEN", "'headrace tokens new'"]),
        (RejectReason.FORBIDDEN, ["for something else", "hook"]),
        (RejectReason.BAD_SECRET, ["--passphrase-file FILE", "PASSPHRASE"]),
        (RejectReason.UNSECURE, ["--passphrase-file FILE", "PASSPHRASE"]),
    ],
)
def test_who_may_not_watch_is_told_what_to_give(code: int, words: list[str]) -> None:
    hint = watch_hint(ConnectionRejectedError(code))
    assert hint.startswith(": ")
    assert [word for word in words if word not in hint] == []


@pytest.mark.parametrize(
    ("code", "has_key", "words"),
    [
        (RejectReason.UNAUTHORIZED, False, ["--key-file FILE", "STREAM_KEY", "'headrace keys new'"]),
        (RejectReason.UNAUTHORIZED, True, ["revoked", "another broker's", "'headrace keys new'"]),
        (RejectReason.FORBIDDEN, True, ["another channel's"]),
        (RejectReason.CONFLICT, True, ["--takeover", "--standby"]),
        (RejectReason.BAD_SECRET, True, ["--passphrase-file FILE", "PASSPHRASE"]),
    ],
)
def test_who_may_not_publish_is_told_what_to_do(code: int, has_key: bool, words: list[str]) -> None:
    hint = publish_hint(code, has_key=has_key)
    assert hint.startswith(": ")
    assert [word for word in words if word not in hint] == []


@pytest.mark.parametrize("code", [RejectReason.UNAUTHORIZED, RejectReason.FORBIDDEN])
def test_what_a_hook_may_have_said_is_not_blamed_on_the_key_or_the_token_alone(code: int) -> None:
    hints = [publish_hint(code, has_key=has_key) for has_key in (False, True)]
    for hint in (watch_hint(ConnectionRejectedError(code)), *hints):
        assert "or the broker's hook said no" in hint


def test_nothing_is_added_where_nothing_can_be_given() -> None:
    assert watch_hint(ConnectionRejectedError(RejectReason.NOT_FOUND)) == ""
    assert watch_hint(OSError("no route")) == ""
    assert publish_hint(RejectReason.OVERLOAD, has_key=True) == ""
