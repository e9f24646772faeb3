import sqlite3

import pytest

from headrace.store.wording import broken, explain, other_version


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


def test_another_version_says_what_to_do_about_it() -> None:
    newer, older = other_version("x.db", 9, 5), other_version("x.db", 4, 5)
    assert newer.startswith("x.db was written by a newer Headrace (schema 9, this one knows 5): update Headrace")
    assert older.startswith("x.db was written by an older Headrace (schema 4, this one knows 5): ")
    assert older.endswith("'headrace channels list' brings it up to date")
