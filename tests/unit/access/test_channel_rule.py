"""What can be set for a channel."""

import pytest

from headrace.access.channel_rule import ChannelRule, ChannelRuleError, Visibility
from headrace.base.errors import ChannelIdError


def test_a_channel_is_public_and_clear_unless_said_otherwise() -> None:
    rule = ChannelRule("1AAA99")
    assert rule.visibility is Visibility.PUBLIC
    assert rule.passphrase is None
    assert rule.is_encryption_enforced


def test_visibility_is_read_from_what_people_and_databases_write() -> None:
    assert [Visibility(word) for word in ("public", "unlisted", "private")] == list(Visibility)


def test_a_rule_does_not_show_its_passphrase() -> None:
    assert "correct horse" not in repr(ChannelRule("1AAA99", passphrase="correct horse"))


@pytest.mark.parametrize("length", [10, 79])
def test_a_passphrase_of_10_to_79_bytes_can_be_set(length: int) -> None:
    assert ChannelRule("1AAA99", passphrase="x" * length).passphrase == "x" * length


@pytest.mark.parametrize("passphrase", ["", "x" * 9, "x" * 80, "ä" * 40])
def test_another_cannot_and_the_error_does_not_show_it(passphrase: str) -> None:
    with pytest.raises(ChannelRuleError, match=f"this one has {len(passphrase.encode())}") as error:
        ChannelRule("1AAA99", passphrase=passphrase)
    assert not passphrase or passphrase not in str(error.value)


def test_a_rule_is_for_what_can_be_a_channel() -> None:
    with pytest.raises(ChannelIdError):
        ChannelRule("../etc")
