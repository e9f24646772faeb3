"""``make fuzz``: every target for so many seconds, or those that are named; exit code 1 if anything is found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.campaign import FOLDER, Outcome, run_all, table
from tests.fuzz.run_target import load_atheris
from tests.fuzz.target import target_names


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", help="all, if none is named")
    options = parser.parse_args(arguments)
    names = target_names()
    unknown = sorted(set(options.targets) - set(names))
    if unknown or options.seconds < 1:
        parser.error(
            f"no such target: {', '.join(unknown)}; there are {', '.join(names)}"
            if unknown
            else "give 1 second at least"
        )
    load_atheris()
    outcomes = run_all(options.targets or names, options.seconds, _say, folder)
    for line in table(outcomes):
        _say(line)
    return exit_code(outcomes)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 1 if anything was found, or could not be looked for."""
    return 1 if any(outcome.findings or outcome.failure for outcome in outcomes) else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
