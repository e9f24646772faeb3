"""Fuzzes one target with atheris: ``python -m tests.fuzz.run_target NAME [options of libFuzzer] [folders]``.

Works where atheris has a wheel, which is Linux on x86-64. With ``--replay FILE`` it gives a target one input, and
needs no atheris.
"""

import sys
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from tests.fuzz.corpora import read_vector

TRACED_OF = 64
"""Of so many inputs one has its lines counted: counting takes twenty times as long. Which one depends on the input
alone, so that a finding comes again when it is replayed."""


def main(arguments: list[str]) -> None:
    """Run until libFuzzer has enough, or something is found."""
    name, *rest = arguments
    if rest[:1] == ["--replay"]:
        replay(name, Path(rest[1]))
        return
    atheris = load_atheris()
    with atheris.instrument_imports(include=["headrace"]):
        target, steps = load(name)

    def run(data: bytes) -> None:
        if crc32(data) % TRACED_OF:
            target.run(data)
        else:
            run_counted(target, steps, data)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(target.wrong(data, random)[:max_size])

    options = [f"-max_len={target.max_bytes}", *rest]
    atheris.Setup([f"fuzz {name}", *options], run, custom_mutator=mutate)
    atheris.Fuzz()


def load_atheris() -> Any:
    """Return the module, or end with a sentence where there is none."""
    try:
        return import_module("atheris")
    except ImportError:
        sys.exit(
            "make fuzz needs atheris, which has wheels for Linux on x86-64 alone; everywhere "
            "pytest tests/fuzz replays the corpora and looks for more with hypothesis"
        )


def load(name: str) -> tuple[Any, Any]:
    """Return a target and the module that counts lines; nothing of Headrace is imported before."""
    return import_module("tests.fuzz.target").load_target(name), import_module("tests.fuzz.steps")


def run_counted(target: Any, steps: Any, data: bytes) -> None:
    """Give a target one input, and see that the work is in proportion."""
    handed_bytes, lines = steps.count_lines(lambda: target.run(data))
    steps.check_lines(lines, handed_bytes, base_lines=target.base_lines, lines_per_byte=target.lines_per_byte)


def replay(name: str, path: Path) -> None:
    """Give a target the input in a file: a vector, or what libFuzzer wrote."""
    data = read_vector(path) if path.suffix == ".hex" else path.read_bytes()
    run_counted(*load(name), data)
    sys.stdout.write(f"{name}: nothing found in {path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
