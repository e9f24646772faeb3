"""What can be a passphrase."""

import pytest

from headrace.base.passphrase import PassphraseError, check_passphrase


@pytest.mark.parametrize("passphrase", ["ten bytes!", "x" * 79, "sk\u00e5l sk\u00e5"])
def test_10_to_79_bytes_pass(passphrase: str) -> None:
    assert check_passphrase(passphrase) == passphrase


@pytest.mark.parametrize(
    ("passphrase", "length"), [("", 0), ("nine byte", 9), ("x" * 80, 80), ("\u00e5" * 40, 80)]
)
def test_anything_else_is_told_its_length_and_not_repeated(passphrase: str, length: int) -> None:
    with pytest.raises(PassphraseError, match=rf"10 to 79 bytes of UTF-8, this one has {length}$") as raised:
        check_passphrase(passphrase)
    assert not passphrase or passphrase not in str(raised.value)


def test_what_is_no_utf_8_is_counted_too() -> None:
    with pytest.raises(PassphraseError, match="this one has 3"):
        check_passphrase("\udc80")
