"""What is known of channels, keys and issuers of tokens, in memory: nobody waits for a database to be let in.

A directory never changes. Where something is set anew, a whole new one takes its place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from importlib import import_module
from typing import Final, Literal, Self, TypeAlias

from headrace.access.channel_rule import ChannelRule
from headrace.access.stream_keys import DIGEST_BYTES, hash_stream_key

PREFIX_BYTES: Final = 8
"""So much of a digest finds its entry. From the time that takes nobody can tell how much of a key was right: one
more right letter gives another digest altogether. The whole digest is compared besides."""

TOKEN_KEY_BYTES: Final = 32
"""Of Ed25519, and the least that RFC 7518 (3.2) allows for HS256: a shorter one can be guessed from one token."""

Algorithm: TypeAlias = Literal["HS256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One stream key, without the key.

    Attributes:
        key_id: What people call it.
        channel_id: The channel that it opens.
        digest: Its SHA-256, 32 bytes.
    """

    key_id: int
    channel_id: str
    digest: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST_BYTES:
            raise ValueError(f"the digest of a key has {DIGEST_BYTES} bytes, not {len(self.digest)}")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What the signature of a token is checked with.

    Attributes:
        issuer: Claim ``iss`` of the tokens that it signs.
        audience: Claim ``aud`` that they must have.
        key_id: Header ``kid`` of theirs.
        algorithm: The only one that it is used with.
        key: The secret of HS256, at least 32 bytes, or the public key of Ed25519, 32 bytes.
    """

    issuer: str
    audience: str
    key_id: str
    algorithm: Algorithm
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < TOKEN_KEY_BYTES or (self.algorithm == "EdDSA" and len(self.key) > TOKEN_KEY_BYTES):
            raise ValueError(f"a key for {self.algorithm} has {TOKEN_KEY_BYTES} bytes, not {len(self.key)}")


@dataclass(frozen=True, slots=True)
class Directory:
    """Who may do what, as of one moment.

    Attributes:
        revision: Goes up with each change of the store.
        channels: Rules by channel id.
        keys: Keys by the first `PREFIX_BYTES` of their digests.
        keys_by_id: The same by their numbers.
        token_keys: What tokens may be signed with.
        is_open: Anybody may publish, and watch any id that has no rule.
    """

    revision: int
    channels: Mapping[str, ChannelRule] = field(default_factory=dict)
    keys: Mapping[bytes, tuple[KeyEntry, ...]] = field(default_factory=dict, repr=False)
    keys_by_id: Mapping[int, KeyEntry] = field(default_factory=dict, repr=False)
    token_keys: tuple[TokenKey, ...] = ()
    is_open: bool = False

    @classmethod
    def of(
        cls,
        revision: int,
        rules: Iterable[ChannelRule] = (),
        keys: Iterable[KeyEntry] = (),
        token_keys: Iterable[TokenKey] = (),
        *,
        is_open: bool = False,
    ) -> Self:
        """Return the directory of these rules and keys.

        With keys for tokens it loads what checks them, 150 ms: make it where nobody's packets wait.
        """
        by_prefix: dict[bytes, tuple[KeyEntry, ...]] = {}
        by_id: dict[int, KeyEntry] = {}
        for entry in keys:
            by_id[entry.key_id] = entry
            prefix = entry.digest[:PREFIX_BYTES]
            by_prefix[prefix] = (*by_prefix.get(prefix, ()), entry)
        token_keys = tuple(token_keys)
        if token_keys:
            import_module("headrace.access.tokens")
        channels = {rule.channel_id: rule for rule in rules}
        return cls(revision, channels, by_prefix, by_id, token_keys, is_open)

    def find_key(self, key: str) -> KeyEntry | None:
        """Return what ``key``, which may be any text, opens; None when it is nobody's."""
        digest = hash_stream_key(key)
        found = None
        for entry in self.keys.get(digest[:PREFIX_BYTES], ()):
            if compare_digest(entry.digest, digest):
                found = entry
        return found


OPEN_DIRECTORY: Final = Directory(revision=0, is_open=True)
"""No channel has a rule, and anybody may publish."""
