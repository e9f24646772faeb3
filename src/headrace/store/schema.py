"""The steps from an empty database to the newest schema. What is here is never changed, only added to."""

from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE headrace_channels ("
        " channel_id VARCHAR(64) NOT NULL PRIMARY KEY,"
        " visibility VARCHAR(16) NOT NULL,"
        " passphrase VARCHAR(79),"
        " is_encryption_enforced BOOLEAN NOT NULL,"
        " created_unix_s BIGINT NOT NULL)",
        "CREATE TABLE headrace_stream_keys ("
        " key_id {counted_id},"
        " channel_id VARCHAR(64) NOT NULL"
        "  REFERENCES headrace_channels (channel_id) ON UPDATE CASCADE ON DELETE CASCADE,"
        " digest_hex VARCHAR(64) NOT NULL UNIQUE,"
        " label VARCHAR(64) NOT NULL,"
        " created_unix_s BIGINT NOT NULL,"
        " revoked_unix_s BIGINT)",
        "CREATE TABLE headrace_token_keys ("
        " issuer VARCHAR(256) NOT NULL,"
        " key_id VARCHAR(128) NOT NULL,"
        " audience VARCHAR(256) NOT NULL,"
        " algorithm VARCHAR(16) NOT NULL,"
        ' "key" VARCHAR(4096) NOT NULL,'
        " created_unix_s BIGINT NOT NULL,"
        " retired_unix_s BIGINT,"
        " PRIMARY KEY (issuer, key_id))",
    ),
    (
        "CREATE TABLE headrace_admin_tokens ("
        " digest_hex VARCHAR(64) NOT NULL PRIMARY KEY,"
        " created_unix_s BIGINT NOT NULL)",
        "CREATE TABLE headrace_chat_lines ("
        " channel_id VARCHAR(64) NOT NULL,"
        " line_id BIGINT NOT NULL,"
        " unix_ms BIGINT NOT NULL,"
        " name VARCHAR(32) NOT NULL,"
        " text VARCHAR(500) NOT NULL,"
        " role VARCHAR(16),"
        " PRIMARY KEY (channel_id, line_id))",
        "CREATE TABLE headrace_chat_mutes ("
        " channel_id VARCHAR(64) NOT NULL,"
        " name VARCHAR(32) NOT NULL,"
        " created_unix_s BIGINT NOT NULL,"
        " PRIMARY KEY (channel_id, name))",
    ),
)
"""Statements of each step. ``{counted_id}`` is a number that is never given twice."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
