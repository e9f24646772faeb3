"""Pages that name the test that shows a thing name one that exists, in the file that they point to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("operate/faults.md", "operate/security.md")
LINK = re.compile(r"\]\((\.\./\.\./tests/[^)#]+)\)")
NAME = re.compile(r"`(test_\w+)`")
TOKEN = re.compile(f"{LINK.pattern}|{NAME.pattern}")


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    """Give the file and the name of each test that a page names; a name belongs to the last file before it."""
    path = ""
    for link, name in TOKEN.findall(text):
        path = link or path
        if name:
            yield path, name


def missing(page: Path) -> list[tuple[str, str]]:
    """Return the tests that a page names and that are not there."""
    named = list(named_tests(page.read_text(encoding="utf-8")))
    texts = {path: (page.parent / path).read_text(encoding="utf-8") for path, _ in named}
    return [(path, name) for path, name in named if f"def {name}(" not in texts[path]]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    assert list(named_tests((DOCS / page).read_text(encoding="utf-8")))
    assert missing(DOCS / page) == []


def test_names_belong_to_the_link_before_them_and_one_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("def test_one() -> None:\n    pass\n")
    page = tmp_path / "a" / "b" / "page.md"
    page.write_text("[x](../../tests/test_x.py): `test_one`, `test_two`; `no_test`")
    assert missing(page) == [("../../tests/test_x.py", "test_two")]
