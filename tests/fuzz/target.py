"""What a fuzz target is, and which there are: a module of ``tests/fuzz/targets`` each.

A target raises nothing on any bytes. What it finds wrong besides is an ``AssertionError`` of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder or state machine, and what is to hold for every input.

    Attributes:
        run: Gives an input to the code; returns how many bytes the code was handed, of which an input that is a
            script has more than it is long. Raises on a finding.
        seeds: Valid inputs, from which fuzzing begins.
        wrong: Returns a valid input with something about it that is not.
        max_bytes: Longest input.
        base_lines: Lines of the code that any input may have run.
        lines_per_byte: And for each byte that it was handed.
    """

    run: Callable[[bytes], int]
    seeds: Callable[[], list[bytes]]
    wrong: Callable[[bytes, Random], bytes]
    max_bytes: int = 2048
    base_lines: int = 2_000
    lines_per_byte: int = 50


def target_names() -> list[str]:
    """Return the names of all targets, in order."""
    return sorted(path.stem for path in (HERE / "targets").glob("*.py"))


def load_target(name: str) -> Target:
    """Return a target by its name, or by that of a module elsewhere."""
    target = import_module(name if "." in name else f"tests.fuzz.targets.{name}").TARGET
    if not isinstance(target, Target):
        raise TypeError(f"{name} has no TARGET")
    return target
