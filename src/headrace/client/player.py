"""Shows a channel in a player that is installed on this machine."""

import contextlib
import queue
import shutil
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

from headrace.base.errors import HeadraceError

PLAYERS: Final = {
    "mpv": ("--profile=low-latency", "--title={title}", "-"),
    "ffplay": ("-loglevel", "error", "-fflags", "nobuffer", "-window_title", "{title}", "-"),
    "vlc": ("--quiet", "--meta-title={title}", "-"),
}
"""Players that read a transport stream from standard input, best first, with their arguments."""
END_SECONDS: Final = 2.0
"""A player ends at once when it is asked to; one that is stopped or hangs is killed after this."""
MAX_WAITING_WRITES: Final = 512
"""About 15 s of frames: a player that is paused for longer misses the rest."""


class NoPlayerError(HeadraceError):
    """None of the players that could be used is installed."""


def check_player() -> str:
    """Return the name of the player that will be used.

    Raises:
        NoPlayerError: None is installed.
    """
    name = next((name for name in PLAYERS if shutil.which(name)), None)
    if name is None:
        raise NoPlayerError(f"no player found: install one of {', '.join(PLAYERS)}, or use --record DIR")
    return name


class Player:
    """A sink of a subscription that feeds a player's standard input.

    Args:
        title: Of its window.

    Raises:
        NoPlayerError: None is installed.
    """

    def __init__(self, title: str) -> None:
        name = check_player()
        arguments = [argument.format(title=title) for argument in PLAYERS[name]]
        self._process = subprocess.Popen(  # noqa: S603 - the program is from our list, the title is no shell's
            [name, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING_WRITES)
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def write(self, payloads: Sequence[bytes]) -> None:
        """Show payloads; what a stopped player does not take is left out."""
        if self._process.poll() is None and not self._waiting.full():
            self._waiting.put_nowait(b"".join(payloads))

    def close(self) -> None:
        """End the player, by force if need be; a second time does nothing."""
        self._process.terminate()
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put_nowait(None)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise AssertionError("the player was started with a pipe")
        try:
            with pipe:
                while (data := self._waiting.get()) is not None:
                    pipe.write(data)
                    pipe.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the person closed the player
