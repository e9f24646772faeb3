import asyncio
import os
import signal

import pytest

from headrace.cli.lifetime import PARENT_ENVIRONMENT_NAME, STOP_SIGNALS, run_until_stopped


def test_work_that_ends_by_itself_has_ended() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    assert asyncio.run(run_until_stopped(work()))


def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(run_until_stopped(work()))


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stop_signal_ends_work_in_order(number: signal.Signals) -> None:
    done = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    assert not asyncio.run(run_until_stopped(work()))
    assert done == ["cleaned up"]


def test_the_end_of_the_parent_that_was_named_ends_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT_ENVIRONMENT_NAME, str(os.getppid() + 1))
    assert not asyncio.run(run_until_stopped(asyncio.Event().wait()))  # type: ignore[arg-type]


@pytest.mark.parametrize("parent", ["", "none", str(os.getppid())])
def test_a_parent_that_lives_or_is_not_named_ends_nothing(parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT_ENVIRONMENT_NAME, parent)

    async def work() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    assert asyncio.run(run_until_stopped(work()))
