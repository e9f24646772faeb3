"""What a process may do that decodes what strangers send."""

import subprocess
import sys

import pytest

from headrace.media.confinement import plain_environment

TRY = """
import os, sys, threading
from headrace.media.confinement import confine
confine(2_000_000_000)
print("confined")
def attempt(name, what):
    try:
        what()
    except BaseException as error:
        print(name, type(error).__name__)
    else:
        print(name, "allowed")
def write():
    with open(sys.argv[1], "wb") as file:
        file.write(b"x")
attempt("memory", lambda: bytearray(3_000_000_000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
attempt("file", write)
if os.getuid():
    attempt("process", os.fork)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="its limits are those of Linux")
def test_it_has_no_room_and_writes_and_starts_nothing(tmp_path: object) -> None:
    run = subprocess.run(
        [sys.executable, "-c", TRY, f"{tmp_path}/file"], capture_output=True, text=True, check=True, timeout=30
    )
    said = run.stdout.splitlines()
    assert said[0] == "confined"
    assert said[1] == "memory MemoryError"
    assert said[2] == "file OSError"
    assert "allowed" not in run.stdout


def test_its_environment_has_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_TEST_SECRET", "hush")
    monkeypatch.setenv("PATH", "/bin")
    assert plain_environment()["PATH"] == "/bin"
    assert "HEADRACE_TEST_SECRET" not in plain_environment()
