"""Inputs that are kept: corpora, from which fuzzing begins, and vectors, on which something once broke.

Both are text, so that a checkout has few files and a change can be read: hexadecimal digits, ``#`` begins a
comment. A corpus has an input on each line, a vector is one input on as many lines as it takes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.fuzz.target import HERE

CORPORA: Final = HERE / "corpus"
VECTORS: Final = HERE / "vectors"
_LINE_DIGITS: Final = 96


def read_corpus(name: str) -> list[bytes]:
    """Return the inputs kept for a target, none if nothing is."""
    path = CORPORA / f"{name}.hex"
    return [bytes.fromhex(line) for line in _lines(path)] if path.exists() else []


def write_corpus(path: Path, inputs: Iterable[bytes]) -> None:
    """Write a corpus, shortest input first."""
    path.parent.mkdir(exist_ok=True)
    ordered = sorted(set(inputs), key=lambda one: (len(one), one))
    path.write_text("".join(f"{one.hex()}\n" for one in ordered if one), encoding="ascii")


def read_vector(path: Path) -> bytes:
    """Return the input that a vector holds."""
    return bytes.fromhex("".join(_lines(path)))


def format_vector(data: bytes, why: str) -> str:
    """Return a vector's text."""
    digits = data.hex()
    lines = [digits[at : at + _LINE_DIGITS] for at in range(0, len(digits), _LINE_DIGITS)]
    return "".join(f"{line}\n" for line in [f"# {why}", *lines])


def vectors() -> list[Path]:
    """Return all vectors; each lies in the folder of its target."""
    return sorted(VECTORS.glob("*/*.hex"))


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in (part.partition("#")[0].strip() for part in text.splitlines()) if line]
