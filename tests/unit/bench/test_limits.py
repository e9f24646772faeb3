"""What a measuring process may use."""

import os
import resource

import pytest

from headrace.bench.limits import allow_open_files, on_one_core
from headrace.bench.scenario import ScenarioSkipped


def test_one_core_is_used_and_then_all_again() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot choose cores")
    usual = os.sched_getaffinity(0)
    with on_one_core() as core:
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == usual


def test_a_system_that_cannot_choose_cores_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with on_one_core() as core:
        assert core == -1


def test_the_limit_of_open_files_is_raised_and_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.append(limits))
    allow_open_files(1000)
    assert asked == []
    allow_open_files(2000)
    allow_open_files(5000)
    assert asked == [(2000, 4096), (5000, 5000)]


def test_more_open_files_than_allowed_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 1024))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(ScenarioSkipped, match="ulimit -Hn 5000"):
        allow_open_files(5000)
