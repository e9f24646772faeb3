"""Puts what fuzzing has learnt into the corpora: ``python -m tests.fuzz.keep [--most 60] [TARGETS]``.

libFuzzer merges: of all inputs, the fewest and shortest that reach what all of them reach.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.campaign import FOLDER
from tests.fuzz.corpora import CORPORA, read_corpus, write_corpus
from tests.fuzz.run_target import load_atheris
from tests.fuzz.target import load_target, target_names


def main(arguments: list[str]) -> None:
    """Merge, and write the corpora anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=60, help="inputs of each target; the shortest are kept")
    parser.add_argument("targets", nargs="*", help="all, if none is named")
    options = parser.parse_args(arguments)
    load_atheris()
    for name in options.targets or target_names():
        kept = merged(name, FOLDER / "corpus" / name)
        write_corpus(CORPORA / f"{name}.hex", sorted(kept, key=len)[: options.most])
        sys.stdout.write(f"{name}: {min(len(kept), options.most)} of {len(kept)}\n")


def merged(name: str, learnt: Path) -> list[bytes]:
    """Return the least of what is known of a target, without what its code makes as seeds."""
    seeds = load_target(name).seeds()
    with TemporaryDirectory() as folder:
        known, least = Path(folder) / "known", Path(folder) / "least"
        for made in (known, least):
            made.mkdir()
        for number, data in enumerate([*seeds, *read_corpus(name)]):
            (known / f"{number:04}").write_bytes(data)
        folders = [str(path) for path in (least, known, learnt) if path.exists()]
        command = [sys.executable, "-m", "tests.fuzz.run_target", name, "-merge=1", *folders]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return [data for data in (path.read_bytes() for path in least.iterdir()) if data not in seeds]


if __name__ == "__main__":
    main(sys.argv[1:])
