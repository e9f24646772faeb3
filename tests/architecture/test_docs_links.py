"""Documents point to what exists: files that are there, and targets that can be made."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|!\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
MAKE = re.compile(
    r"(?:^\s*|`)make ((?:[a-z][a-z-]*|[A-Z_]+=\S+)(?: +(?:[a-z][a-z-]*|[A-Z_]+=[^\s`]+))*)", re.MULTILINE
)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents(root: Path) -> list[Path]:
    """Return the documents that people read."""
    top = [path for path in (root / "README.md", root / "CHANGELOG.md", root / "SECURITY.md") if path.is_file()]
    return top + sorted((root / "docs").rglob("*.md"))


def relative_links(text: str) -> Iterator[str]:
    """Give the targets of all links and images that point into the repository, without their anchors."""
    prose = FENCE.sub("", text)
    found = [one or other for one, other in LINK.findall(prose)] + REFERENCE.findall(prose)
    for target in found:
        path = unquote(target.partition("#")[0])
        if path and not re.match(r"[a-z][a-z0-9+.-]*:", path):
            yield path


def made_targets(text: str) -> Iterator[str]:
    """Give the targets of all ``make`` commands that stand in code."""
    for words in MAKE.findall(text):
        yield from (word for word in words.split() if "=" not in word)


def missing_files(document: Path) -> list[str]:
    """Return the links of ``document`` that lead nowhere."""
    links = relative_links(document.read_text(encoding="utf-8"))
    return [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", documents(ROOT), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    assert missing_files(document) == []


@pytest.mark.parametrize("document", documents(ROOT), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_command_has_its_target(document: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(made_targets(document.read_text(encoding="utf-8")))
    assert named - targets == set()


def test_links_and_commands_are_found_where_they_stand() -> None:
    text = (
        "[a](docs/a.md#part) ![b](img/b%20c.png) [c](https://example.org) [d](#here) [e][f]\n"
        "[f]: other.md\n`make demo` and\n```\nmake test X=1 check\n[no](code.md)\n```\n"
        "You make sure of `make PYTHON=p bench`."
    )
    assert list(relative_links(text)) == ["docs/a.md", "img/b c.png", "other.md"]
    assert list(made_targets(text)) == ["demo", "test", "check", "bench"]


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text("[here](README.md) [gone](gone.md)", encoding="utf-8")
    assert missing_files(document) == ["gone.md"]
    assert documents(tmp_path) == [document]
