"""The decision who may publish and who may watch, and who may not any longer. It never sends and reads no clock.

Source: ``docs/decisions/0019-who-may-do-what.md``.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from headrace.access.ask import Ask, Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory, TokenKey
from headrace.base.stream_key import KEY_PREFIX

BAD_REQUEST: Final = 2400
UNAUTHORIZED: Final = 2401
OVERLOAD: Final = 2402
FORBIDDEN: Final = 2403
NOT_FOUND: Final = 2404
"""Codes of SRT's refusals, as `headrace.srt.rejection.RejectReason` has them."""

_DOING: Final = {Verb.PUBLISH: "publishing", Verb.REQUEST: "watching"}


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody may do what it asked for.

    Attributes:
        verb: What.
        rule: What is set for the channel.
        key_id: Of the stream key that let it in, or None.
        token_key: What signed the token that let it in, or None.
        token_id: The token's name for logs, or None.
        expires_unix_s: When it ends by itself, or None.
    """

    verb: Verb
    rule: ChannelRule
    key_id: int | None = None
    token_key: TokenKey | None = None
    token_id: str | None = None
    expires_unix_s: int | None = None

    @property
    def channel_id(self) -> str:
        """The channel."""
        return self.rule.channel_id


@dataclass(frozen=True, slots=True)
class Denial:
    """Somebody may not.

    Attributes:
        code: On the wire.
        why: For people; shows nothing of a key or token.
        is_guess: What came may have been guessed: it is nothing that was ever given out.
    """

    code: int
    why: str
    is_guess: bool = field(default=True, compare=False)


class Gate:
    """Decides by a directory.

    Args:
        directory: What is known.

    Attributes:
        directory: As given.
    """

    __slots__ = ("directory",)

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def ask(self, ask: Ask, unix_s: int) -> Grant | Denial:
        """Return whether that may be done at the time ``unix_s``, seconds since 1970-01-01 UTC."""
        return self._publish(ask, unix_s) if ask.verb is Verb.PUBLISH else self._watch(ask, unix_s)

    def _publish(self, ask: Ask, unix_s: int) -> Grant | Denial:
        entry = self.directory.find_key(ask.credential) if ask.credential else None
        channel_id = ask.channel_id
        if channel_id is None and entry is not None:
            channel_id = entry.channel_id
        if self.directory.is_open and channel_id is not None:
            key_id = entry.key_id if entry is not None and entry.channel_id == channel_id else None
            return self._grant(Verb.PUBLISH, channel_id, UNAUTHORIZED, key_id=key_id)
        if entry is not None:
            if channel_id != entry.channel_id:
                return Denial(FORBIDDEN, "the stream key is for another channel", is_guess=False)
            return self._grant(Verb.PUBLISH, entry.channel_id, UNAUTHORIZED, key_id=entry.key_id)
        if ask.credential is None:
            return Denial(UNAUTHORIZED, "publishing needs a stream key, and none came")
        if ask.credential.lower().startswith(KEY_PREFIX):
            return Denial(UNAUTHORIZED, "nobody has this stream key")
        return self._admit_token(ask, ask.credential, unix_s)

    def _watch(self, ask: Ask, unix_s: int) -> Grant | Denial:
        if ask.channel_id is not None:
            rule = self.rule(ask.channel_id)
            if rule is None:
                return Denial(NOT_FOUND, "there is no such channel")
            if rule.visibility is not Visibility.PRIVATE:
                return Grant(Verb.REQUEST, rule)
        if ask.credential is not None:
            return self._admit_token(ask, ask.credential, unix_s)
        if ask.channel_id is None:
            return Denial(BAD_REQUEST, "the stream id names no channel")
        return Denial(UNAUTHORIZED, "the channel is private: watching needs a token, and none came")

    def _admit_token(self, ask: Ask, token: str, unix_s: int) -> Grant | Denial:
        if not self.directory.token_keys:
            return Denial(UNAUTHORIZED, "no key for tokens is set here")
        # Loaded by whoever makes a directory that has keys for tokens; PyJWT takes 150 ms.
        from headrace.access.tokens import TokenFault, check_token  # noqa: PLC0415

        claims = check_token(token, self.directory.token_keys, unix_s)
        if isinstance(claims, TokenFault):
            return Denial(UNAUTHORIZED, claims.why, is_guess=not claims.is_signed)
        if ask.verb is not claims.verb:
            return Denial(FORBIDDEN, f"the token is not for {_DOING[ask.verb]}", is_guess=False)
        channel_id = ask.channel_id
        if channel_id is None and len(claims.channel_ids) > 1:
            return Denial(BAD_REQUEST, "the token is for several channels, and the stream id names none")
        if channel_id is None:
            channel_id = claims.channel_ids[0]
        if channel_id not in claims.channel_ids:
            return Denial(FORBIDDEN, "the token is for another channel", is_guess=False)
        unknown = NOT_FOUND if ask.verb is Verb.REQUEST else UNAUTHORIZED
        granted = self._grant(ask.verb, channel_id, unknown)
        if isinstance(granted, Denial):
            return replace(granted, is_guess=False)
        return replace(
            granted, token_key=claims.key, token_id=claims.token_id, expires_unix_s=claims.expires_unix_s
        )

    def _grant(self, verb: Verb, channel_id: str, unknown: int, key_id: int | None = None) -> Grant | Denial:
        rule = self.rule(channel_id)
        return Denial(unknown, "there is no such channel") if rule is None else Grant(verb, rule, key_id)

    def rule(self, channel_id: str) -> ChannelRule | None:
        """Return what is set for a channel, or None when there is none: an open gate knows every channel."""
        rule = self.directory.channels.get(channel_id)
        return ChannelRule(channel_id) if rule is None and self.directory.is_open else rule

    def ended(self, grant: Grant, unix_s: int) -> str | None:
        """Return why what was granted, by this gate or one before it, holds no longer; None while it does."""
        rule = self.rule(grant.channel_id)
        if rule is None:
            return "channel_removed"
        if _is_sealed_anew(grant.rule, rule):
            return "encryption_changed"
        if grant.expires_unix_s is not None and unix_s >= grant.expires_unix_s:
            return "time_over" if grant.token_key is None else "token_expired"
        if grant.token_key is not None:
            return None if grant.token_key in self.directory.token_keys else "token_key_removed"
        if grant.verb is Verb.REQUEST:
            return "channel_private" if rule.visibility is Visibility.PRIVATE else None
        return self._ended_key(grant)

    def _ended_key(self, grant: Grant) -> str | None:
        if grant.key_id is None:
            return None if self.directory.is_open else "key_missing"
        entry = self.directory.keys_by_id.get(grant.key_id)
        return None if entry is not None and entry.channel_id == grant.channel_id else "key_revoked"


def _is_sealed_anew(old: ChannelRule, new: ChannelRule) -> bool:
    """Return whether who was let in under ``old`` might not have the passphrase that ``new`` asks for."""
    if new.passphrase is None:
        return False
    return new.passphrase != old.passphrase or (new.is_encryption_enforced and not old.is_encryption_enforced)
