"""Commands of ours run as processes of their own, all of which end when we do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from headrace.base.errors import HeadraceError
from headrace.cli.lifetime import PARENT_ENVIRONMENT_NAME
from headrace.cli.options import ENVIRONMENT_NAMES

EMPTY: Final[Mapping[str, str]] = {}
END_SECONDS: Final = 3.0
"""Time to say goodbye; then a process is killed."""


class ProcessEndedError(HeadraceError):
    """A process that was to go on has ended."""


class Processes:
    """Starts ``headrace`` commands and ends all of them when its ``with`` block ends, however it ends.

    Each is told our process id and ends by itself if we are killed. They get their options as arguments alone,
    and none from the environment or a ``.env`` file, which are meant for a command that a person types.

    Args:
        folder: Gets a log file for each process.

    Attributes:
        folder: As given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str], secrets: Mapping[str, str] = EMPTY) -> None:
        """Start ``headrace``.

        Args:
            name: For messages and the log file.
            arguments: Of the command.
            secrets: Options that it takes from the environment, as everybody on a machine sees arguments.
        """
        with self.log_path(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "headrace", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    **dict.fromkeys(ENVIRONMENT_NAMES, ""),
                    **secrets,
                    PARENT_ENVIRONMENT_NAME: str(os.getpid()),
                },
                # Ctrl-C in the terminal is for us alone: we end the others in order.
                start_new_session=True,
            )

    def log_path(self, name: str) -> Path:
        """Return where the output of a process goes."""
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """Make sure that all still run.

        Raises:
            ProcessEndedError: One does not; the message has the end of its output.
        """
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                raise ProcessEndedError(f"{name} {describe_end(code, self.log_path(name))}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C, of an impatient person, must not keep us from ending all of them.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._end_all()
        finally:
            signal.signal(signal.SIGINT, before)

    def _end_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + END_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def describe_end(code: int, log: Path) -> str:
    """Say how a process ended, with the last line of its output where it ended by itself."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    lines = log.read_text(errors="replace").splitlines()
    said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return f"ended with code {code}: {said.removeprefix('headrace: ')}"
