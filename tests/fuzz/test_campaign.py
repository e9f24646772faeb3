"""`make fuzz` tells what it has found, and how to see it again."""

import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from tests.fuzz import __main__ as command
from tests.fuzz import keep, run_target
from tests.fuzz.campaign import Outcome, run_all, table
from tests.fuzz.corpora import format_vector, read_vector, write_corpus
from tests.fuzz.steps import TooManyLinesError, check_lines, count_lines
from tests.fuzz.target import load_target
from tests.fuzz.wrong import make_wrong, pick_byte, pick_word

from headrace.base.seqno import seqno_distance
from headrace.mpegts.psi import crc32_mpeg2

BROKEN = "tests.support.broken_target"
needs_atheris = pytest.mark.skipif(find_spec("atheris") is None, reason="there are no wheels of atheris")


@needs_atheris
def test_a_run_without_a_finding_ends_with_a_table_and_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--seconds", "1", "continuity"], tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-3].split()[:2] == ["target", "executions"]
    name, executions, _, corpus, findings = said[-2].split()
    assert (name, findings) == ("continuity", "0")
    assert int(executions.replace(",", "")) > 0
    assert int(corpus) > 0


@needs_atheris
def test_a_finding_is_kept_and_can_be_seen_again(tmp_path: Path) -> None:
    (outcome,) = run_all([BROKEN], 60, lambda line: None, tmp_path)
    assert not outcome.failure
    assert [path.read_bytes()[:1] for path in outcome.findings] == [b"\xff"]
    assert command.exit_code([outcome]) == 1
    replay = list(table([outcome]))[-1].removeprefix("replay: ")
    again = subprocess.run(shlex.split(replay), capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 1
    assert "IndexError: found" in again.stderr


def test_an_input_on_which_nothing_breaks_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vector = tmp_path / "harmless.hex"
    vector.write_text(format_vector(b"harmless", "nothing is wrong with it"))
    run_target.main(["packet", "--replay", str(vector)])
    assert "nothing found" in capsys.readouterr().out


def test_without_atheris_a_sentence_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    with pytest.raises(SystemExit, match="pytest tests/fuzz"):
        command.main(["packet"])


def test_an_unknown_target_is_told_with_all_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "no such target: nothing; there are acknowledgements, " in capsys.readouterr().err


def test_a_run_that_fails_without_a_finding_is_a_failure() -> None:
    outcome = Outcome("packet", failure="ended with exit code 3: no space left")
    assert command.exit_code([Outcome("tags", 5, 1.0), outcome]) == 1
    assert list(table([outcome]))[-1] == "packet ended with exit code 3: no space left"
    assert command.exit_code([Outcome("tags", 5, 1.0)]) == 0


def test_lines_are_counted_where_headrace_runs_them_and_nowhere_else() -> None:
    assert count_lines(lambda: pick_byte(b"a", Random(1)))[1] == 0
    assert count_lines(lambda: seqno_distance(1, 5)) == (4, 1)
    _, short = count_lines(lambda: crc32_mpeg2(bytes(100)))
    _, long = count_lines(lambda: crc32_mpeg2(bytes(200)))
    assert long - short == 200


def test_more_lines_than_so_many_bytes_may_run_are_a_finding() -> None:
    check_lines(30, 10, base_lines=10, lines_per_byte=2)
    with pytest.raises(TooManyLinesError, match="10 bytes ran 31 lines, 30 are allowed"):
        check_lines(31, 10, base_lines=10, lines_per_byte=2)


def test_what_is_made_wrong_is_another_input_nearly_always_and_never_an_error() -> None:
    data, random = bytes(range(40)), Random(1)
    made = [make_wrong(data, random, pick) for pick in (pick_byte, pick_word) for _ in range(400)]
    assert sum(one != data for one in made) > 600
    assert all(len(one) < 1_000 for one in made)
    assert isinstance(make_wrong(b"", random, pick_word), bytes)


def test_corpora_and_vectors_are_text_and_come_back(tmp_path: Path) -> None:
    write_corpus(tmp_path / "x.hex", [b"\1\2\3", b"", b"\xff", b"\xff"])
    assert (tmp_path / "x.hex").read_text() == "ff\n010203\n"
    data = bytes(range(256))
    (tmp_path / "y.hex").write_text(format_vector(data, "all bytes"))
    assert read_vector(tmp_path / "y.hex") == data


def test_of_what_was_learnt_the_shortest_that_are_no_seeds_are_kept(tmp_path: Path) -> None:
    learnt = tmp_path / "corpus" / "packet"
    learnt.mkdir(parents=True)
    for number, data in enumerate([b"\1\2\3", b"\4", load_target("packet").seeds()[0], bytes(300)]):
        (learnt / str(number)).write_bytes(data)
    keep.main(["--most", "2", "packet"], tmp_path, tmp_path / "kept")
    kept = (tmp_path / "kept" / "packet.hex").read_text().splitlines()
    assert len(kept) == 2
    assert all(len(line) <= 6 for line in kept)
