"""The admin tokens of a state."""

from sqlalchemy import text

from headrace.access.admin_token import hash_admin_token
from headrace.store.database import Database
from headrace.store.state_store import StateStore


def test_the_newest_token_is_the_only_one(store: StateStore) -> None:
    assert store.admin_tokens.digests() == []
    store.admin_tokens.replace("the first token")
    store.admin_tokens.replace("the second token")
    assert store.admin_tokens.digests() == [hash_admin_token("the second token")]


def test_the_database_does_not_have_the_token(store: StateStore, database: Database) -> None:
    store.admin_tokens.replace("hra_secret")
    with database.reading() as connection:
        rows = connection.execute(text("SELECT * FROM headrace_admin_tokens")).all()
    assert len(rows) == 1
    assert "hra_secret" not in str(rows)
