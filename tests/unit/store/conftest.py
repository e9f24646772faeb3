"""States to test with: a SQLite file, and a Postgres database where a server is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.support.postgres import postgres_server

from headrace.store.database import Database
from headrace.store.location import StateLocation, parse_location
from headrace.store.state_store import StateStore


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres(postgres_url: str) -> StateLocation:
    """Return a Postgres database with nothing in it."""
    location = parse_location(postgres_url)
    engine = create_engine(location.url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return location


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> StateLocation:
    if request.param == "sqlite":
        return parse_location(str(tmp_path / "state"))
    found: StateLocation = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def database(location: StateLocation) -> Iterator[Database]:
    opened = Database(location)
    yield opened
    opened.close()


@pytest.fixture
def store(location: StateLocation) -> Iterator[StateStore]:
    with StateStore(location) as opened:
        yield opened
