"""Puts what fuzzing has learnt into the corpora: ``python -m tests.fuzz.keep [--most 24] [TARGETS]``.

libFuzzer keeps an input where it reaches something new, and a shorter one in its place where it finds one.
"""

import argparse
import sys
from pathlib import Path

from tests.fuzz.campaign import FOLDER
from tests.fuzz.corpora import CORPORA, read_corpus, write_corpus
from tests.fuzz.target import load_target, target_names


def main(arguments: list[str], folder: Path = FOLDER, corpora: Path = CORPORA) -> None:
    """Write the corpora anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=24, help="inputs of each target; the shortest are kept")
    parser.add_argument("targets", nargs="*", help="all, if none is named")
    options = parser.parse_args(arguments)
    for name in options.targets or target_names():
        learnt = [path.read_bytes() for path in (folder / "corpus" / name).glob("*")]
        known = set(learnt + read_corpus(name)) - set(load_target(name).seeds())
        kept = sorted(known, key=lambda data: (len(data), data))[: options.most]
        write_corpus(corpora / f"{name}.hex", kept)
        sys.stdout.write(f"{name}: {len(kept)} of {len(known)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
