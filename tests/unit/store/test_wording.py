import sqlite3

import pytest

from headrace.store.wording import broken, explain


@pytest.mark.parametrize(
    ("errorname", "said"),
    [
        ("SQLITE_BUSY", "x.db is locked by another program: end that, or try again"),
        ("SQLITE_LOCKED_SHAREDCACHE", "x.db is locked by another program: end that, or try again"),
        ("SQLITE_CORRUPT_INDEX", broken("x.db", "the reason")),
        ("SQLITE_NOTADB", broken("x.db", "the reason")),
        ("SQLITE_FULL", "cannot write x.db: the reason: make room on its disk"),
        ("SQLITE_IOERR", "cannot use x.db: the reason"),
    ],
)
def test_an_error_of_sqlite_says_what_to_do(errorname: str, said: str) -> None:
    error = sqlite3.OperationalError("the reason")
    error.sqlite_errorname = errorname
    assert explain("x.db", error) == said


def test_the_first_line_of_any_other_error_is_said_and_no_value_of_a_row() -> None:
    assert explain("db", ValueError("the reason\nDETAIL: a secret")) == "cannot use db: the reason"
    assert explain("db", ValueError()) == "cannot use db: "
