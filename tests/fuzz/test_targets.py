"""Every target takes what is kept and what hypothesis makes up, in bounded work, and raises nothing."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.corpora import CORPORA, VECTORS, read_corpus, read_vector, vectors
from tests.fuzz.steps import check_lines, count_lines
from tests.fuzz.target import Target, load_target, target_names

NAMES = target_names()


def give(target: Target, data: bytes) -> None:
    """Give a target one input, and see that the work is in proportion."""
    handed_bytes, lines = count_lines(lambda: target.run(data))
    check_lines(lines, handed_bytes, base_lines=target.base_lines, lines_per_byte=target.lines_per_byte)


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Return a strategy: valid inputs, those with one thing wrong or more, and rubbish."""
    target = load_target(name)
    known = st.sampled_from([*target.seeds(), *read_corpus(name)])

    def spoil(data: bytes, seed: int, times: int) -> bytes:
        random = Random(seed)
        for _ in range(times):
            data = target.wrong(data, random)[: target.max_bytes]
        return data

    spoilt = st.builds(spoil, known, st.integers(0, 1 << 32), st.sampled_from([1, 1, 1, 2, 4]))
    return st.one_of(spoilt, spoilt, spoilt, known, st.binary(max_size=min(target.max_bytes, 512)))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_in_the_corpus(name: str) -> None:
    target = load_target(name)
    for data in [*target.seeds(), *read_corpus(name), b""]:
        give(target, data)


@pytest.mark.parametrize("path", vectors(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_found_once_is_not_found_again(path: Path) -> None:
    give(load_target(path.parent.name), read_vector(path))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_in_what_is_nearly_valid(name: str) -> None:
    target = load_target(name)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(data=inputs(name))
    def look(data: Any) -> None:
        give(target, data)

    look()


def test_what_is_kept_is_of_a_target_and_within_its_length() -> None:
    assert {path.stem for path in CORPORA.glob("*")} <= set(NAMES)
    assert {path.name for path in VECTORS.glob("*")} <= set(NAMES)
    for name in NAMES:
        assert max(map(len, read_corpus(name)), default=0) <= load_target(name).max_bytes
