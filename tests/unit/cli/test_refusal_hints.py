import pytest

from headrace.cli.refusal_hints import watch_hint
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


def test_nothing_is_added_where_nothing_can_be_given() -> None:
    assert watch_hint(ConnectionRejectedError(RejectReason.NOT_FOUND)) == ""
    assert watch_hint(OSError("no route")) == ""
