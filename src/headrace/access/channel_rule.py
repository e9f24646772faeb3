"""What is set for one channel: who may find it, who may watch it, and whether it is encrypted."""

from dataclasses import dataclass, field
from enum import StrEnum

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError

MIN_PASSPHRASE_BYTES = 10
MAX_PASSPHRASE_BYTES = 79
"""Both as libsrt has them (SRTO_PASSPHRASE): a peer cannot set a shorter or a longer one."""


class ChannelRuleError(HeadraceError, ValueError):
    """What is to be set for a channel cannot be."""


class Visibility(StrEnum):
    """Who may watch a channel."""

    PUBLIC = "public"
    """Everybody, and lists show it."""
    UNLISTED = "unlisted"
    """Everybody who knows its id."""
    PRIVATE = "private"
    """Who has a token for it."""


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """What is set for one channel.

    Attributes:
        channel_id: Which channel.
        visibility: Who may watch it.
        passphrase: Of SRT encryption, 10 to 79 bytes of UTF-8; None for a channel without.
        is_encryption_enforced: Whether callers without encryption are refused; a wrong passphrase always is.

    Raises:
        ChannelIdError: The id cannot name a channel.
        ChannelRuleError: The passphrase is too short or too long; the message does not show it.
    """

    channel_id: str
    visibility: Visibility = Visibility.PUBLIC
    passphrase: str | None = field(default=None, repr=False)
    is_encryption_enforced: bool = True

    def __post_init__(self) -> None:
        check_channel_id(self.channel_id)
        if self.passphrase is not None:
            _check_passphrase(self.passphrase)


def _check_passphrase(passphrase: str) -> None:
    length = len(passphrase.encode())
    if not MIN_PASSPHRASE_BYTES <= length <= MAX_PASSPHRASE_BYTES:
        raise ChannelRuleError(
            f"a passphrase has {MIN_PASSPHRASE_BYTES} to {MAX_PASSPHRASE_BYTES} bytes, this one has {length}"
        )
