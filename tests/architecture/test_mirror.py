"""Source and unit tests mirror each other: one test file for each module, and none for what is not there.

Source: ``docs/internals/architecture.md``, "tests".
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "headrace", ROOT / "tests" / "unit"

WITHOUT_UNIT_TEST: dict[str, str] = {}
"""Modules that need no test file of their own, each with the reason."""


def modules(room: Path, prefix: str = "") -> set[str]:
    """Return the names of a room's modules, or of the modules that a folder of tests is about."""
    found = {path.relative_to(room).as_posix() for path in room.rglob(f"{prefix}*.py")}
    return {name.removesuffix(".py").replace(prefix, "", 1) for name in found if not name.endswith("__init__.py")}


def rooms(folder: Path) -> list[str]:
    """Return the rooms that have modules."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("room", rooms(TESTS))
def test_every_unit_test_file_is_about_a_module(room: str) -> None:
    assert modules(TESTS / room, "test_") - modules(SOURCE / room) == set()


@pytest.mark.parametrize("room", rooms(SOURCE))
def test_every_module_has_its_unit_test_file(room: str) -> None:
    exempt = {name.removeprefix(f"{room}/") for name in WITHOUT_UNIT_TEST if name.startswith(f"{room}/")}
    assert modules(SOURCE / room) - modules(TESTS / room, "test_") - exempt == set()


def test_exemptions_are_real() -> None:
    assert [name for name in WITHOUT_UNIT_TEST if not (SOURCE / f"{name}.py").is_file()] == []
    assert all(WITHOUT_UNIT_TEST.values())
