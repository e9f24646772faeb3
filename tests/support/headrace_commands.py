"""``headrace`` commands as a person runs them: each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import WAIT_SECONDS, Program

from headrace.cli.options import ENVIRONMENT_NAMES

HEADRACE = str(Path(sys.executable).with_name("headrace"))
NO_OPTIONS = {**dict.fromkeys(ENVIRONMENT_NAMES, ""), "HTTP": "off", "WEBRTC_PORT": "0"}
"""Keeps what the shell of whoever runs the tests has set from being an option, and two tests from one TCP port."""
SMALL_PATTERN = ("--test", "--size", "160x120", "--rate", "15", "--bitrate", "150", "--preset", "ultrafast")
"""A test pattern that costs a busy machine little."""


class Headrace(Program):
    """A running command.

    Args:
        folder: For its output.
        arguments: What is typed after ``headrace``.
        environment: Variables beside our own.
        has_stdin: Whether ``write`` will be used.
    """

    _count = 0

    def __init__(
        self, folder: Path, *arguments: str, environment: dict[str, str] | None = None, has_stdin: bool = False
    ) -> None:
        Headrace._count += 1
        super().__init__(
            [HEADRACE, *arguments],
            folder,
            f"{arguments[0]}-{Headrace._count}",
            environment={**NO_OPTIONS, **(environment or {})},
            has_stdin=has_stdin,
        )

    @property
    def said(self) -> str:
        """Its standard output so far."""
        return self.output.read_text(errors="replace")


def run_headrace(
    *arguments: str,
    folder: Path,
    typed: str | None = None,
    environment: dict[str, str] | None = None,
    seconds: float = WAIT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in ``folder``; ``typed`` goes to its standard input."""
    return subprocess.run(
        [HEADRACE, *arguments],
        cwd=folder,
        env={**os.environ, **NO_OPTIONS, **(environment or {})},
        input=typed or "",
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
