import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.support.processes import wait_until

from headrace.cli import processes as processes_module
from headrace.cli.lifetime import PARENT_ENVIRONMENT_NAME
from headrace.cli.options import ENVIRONMENT_NAMES
from headrace.cli.processes import ProcessEndedError, Processes, describe_end


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let a program of the test's own run in place of Python with our commands; return where it is."""
    path = tmp_path / "program"
    monkeypatch.setattr(sys, "executable", str(path))
    return path


def write_script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines)))
    path.chmod(0o755)


def wait_for_log(processes: Processes, name: str, text: str) -> None:
    wait_until(lambda: text in processes.log_path(name).read_text(), f"{name} says {text!r}")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_started_ends_with_the_block_even_if_it_does_not_want_to(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes_module, "END_SECONDS", 0.2)
    write_script(program, "trap '' TERM", "echo started $$", "while true; do sleep 0.05; done")
    with contextlib.suppress(ValueError), Processes(tmp_path) as processes:
        processes.start("stubborn", [])
        wait_for_log(processes, "stubborn", "started")
        pid = int(processes.log_path("stubborn").read_text().split()[1])
        processes.check()
        raise ValueError("a block that fails")
    assert not is_running(pid)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_program_is_ours_and_told_who_started_it_and_nothing_else(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")
    write_script(program, 'echo "$@"', "env", "echo done", "exec sleep 60")
    with Processes(tmp_path) as processes:
        processes.start("broker", ["serve", "--listen", ":1"], {"STREAM_KEY": "a secret"})
        wait_for_log(processes, "broker", "done")
        said = processes.log_path("broker").read_text().splitlines()
    assert said[0] == "-m headrace serve --listen :1"
    assert f"{PARENT_ENVIRONMENT_NAME}={os.getpid()}" in said
    assert "STREAM_KEY=a secret" in said
    assert all(f"{name}=" in said for name in ENVIRONMENT_NAMES if name != "STREAM_KEY")


def test_one_that_ends_is_reported_with_its_last_words(program: Path, tmp_path: Path) -> None:
    write_script(program, "echo first", "echo 'headrace: no such file' >&2", "exit 3")
    with Processes(tmp_path) as processes:
        processes.start("producer X", [])
        wait_for_log(processes, "producer X", "no such file")
        wait_until(lambda: ended(processes) != "", "it has ended")
        assert ended(processes) == "producer X ended with code 3: no such file"


def ended(processes: Processes) -> str:
    try:
        processes.check()
    except ProcessEndedError as error:
        return str(error)
    return ""


def test_how_it_ended_is_said_in_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\n")
    assert describe_end(-9, log) == "was ended by SIGKILL"
    assert describe_end(0, log) == "ended with code 0: \ufffd"
    log.write_text("\n \n")
    assert describe_end(1, log) == "ended with code 1: it said nothing"
