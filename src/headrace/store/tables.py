"""The tables, as the newest schema has them; `migrations` makes them.

All names begin with ``headrace_``: a Postgres database may have other tables beside them. Times are seconds since
1970.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, MetaData, String, Table

METADATA: Final = MetaData()

STATE: Final = Table(
    "headrace_state",
    METADATA,
    Column("only_row", Integer, primary_key=True, autoincrement=False),
    Column("schema_version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""One row. Its columns stay as they are for ever, so that every version can tell that a state is newer than it."""

CHANNELS: Final = Table(
    "headrace_channels",
    METADATA,
    Column("channel_id", String(64), primary_key=True),
    Column("visibility", String(16), nullable=False),
    Column("passphrase", String(79)),
    Column("is_encryption_enforced", Boolean, nullable=False),
    Column("created_unix_s", BigInteger, nullable=False),
)

STREAM_KEYS: Final = Table(
    "headrace_stream_keys",
    METADATA,
    Column("key_id", Integer, primary_key=True),
    Column(
        "channel_id", ForeignKey(CHANNELS.c.channel_id, onupdate="CASCADE", ondelete="CASCADE"), nullable=False
    ),
    Column("digest_hex", String(64), nullable=False, unique=True),
    Column("label", String(64), nullable=False),
    Column("created_unix_s", BigInteger, nullable=False),
    Column("revoked_unix_s", BigInteger),
)
"""``digest_hex``: SHA-256 of the key, which is stored nowhere."""

TOKEN_KEYS: Final = Table(
    "headrace_token_keys",
    METADATA,
    Column("issuer", String(256), primary_key=True),
    Column("key_id", String(128), primary_key=True),
    Column("audience", String(256), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("key", String(4096), nullable=False),
    Column("created_unix_s", BigInteger, nullable=False),
    Column("retired_unix_s", BigInteger),
)
"""``key``: an HS256 secret or an Ed25519 public key, in base64url. A retired one signs nothing any more."""

ADMIN_TOKENS: Final = Table(
    "headrace_admin_tokens",
    METADATA,
    Column("digest_hex", String(64), primary_key=True),
    Column("created_unix_s", BigInteger, nullable=False),
)
"""``digest_hex``: SHA-256 of a token, which is stored nowhere."""

CHAT_LINES: Final = Table(
    "headrace_chat_lines",
    METADATA,
    Column("channel_id", String(64), primary_key=True),
    Column("line_id", BigInteger, primary_key=True, autoincrement=False),
    Column("unix_ms", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("text", String(500), nullable=False),
    Column("role", String(16)),
)
"""The newest lines of each channel. There is no foreign key: an open broker's channels are in no other table."""

CHAT_MUTES: Final = Table(
    "headrace_chat_mutes",
    METADATA,
    Column("channel_id", String(64), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("created_unix_s", BigInteger, nullable=False),
)
