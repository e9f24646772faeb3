"""The process that re-encodes one channel's pictures, as who feeds it sees it: blocking, and never for long."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from typing import Final

from headrace.media.confinement import START_WITHIN_SECONDS, plain_environment
from headrace.media.picture_pipe import CodedPicture, encode_picture, read_answer

WORKER: Final = (sys.executable, "-m", "headrace.media.picture_worker")
WITHIN_SECONDS: Final = 5.0
"""A picture of 1080p takes 20 ms, and ten times as long where everything else goes first."""
_PIECE_BYTES: Final = 1 << 16


class PictureProcess:
    """One process, from its start on.

    Args:
        codec_name: FFmpeg's name of what it decodes.
        command: Starts it; the name is added.
        within_seconds: How long a picture may take.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, codec_name: str, command: tuple[str, ...] = WORKER, within_seconds: float = WITHIN_SECONDS
    ) -> None:
        self._within_seconds = within_seconds
        self._deadline_seconds = 0.0
        ours, its = socket.socketpair()
        self._socket = ours
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, by the path of this one's Python
                (*command, codec_name),
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=subprocess.DEVNULL,
                env=plain_environment(),
                cwd=os.sep,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            its.close()

    def wait_until_ready(self) -> None:
        """Return when it can be fed.

        Raises:
            OSError: It takes too long, or has died.
            MediaError: It answers nonsense.
        """
        self._limit(START_WITHIN_SECONDS)
        self._read_answer()

    def convert(self, picture: CodedPicture) -> list[CodedPicture]:
        """Return what it makes of a picture, and of those before.

        Raises:
            OSError: It takes too long, or has died.
            MediaError: It answers nonsense.
        """
        self._limit(self._within_seconds)
        self._socket.sendall(encode_picture(picture))
        return self._read_answer()

    def _limit(self, seconds: float) -> None:
        self._deadline_seconds = time.monotonic() + seconds
        self._socket.settimeout(seconds)

    def _read_answer(self) -> list[CodedPicture]:
        return read_answer(self._read)

    def _read(self, size_bytes: int) -> bytes:
        data = bytearray()
        while len(data) < size_bytes:
            left_seconds = self._deadline_seconds - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("what re-encodes pictures takes too long")
            self._socket.settimeout(left_seconds)
            piece = self._socket.recv(min(size_bytes - len(data), _PIECE_BYTES))
            if not piece:
                break
            data += piece
        return bytes(data)

    def kill(self) -> None:
        """End it at once, from any thread; `close` is still to be called."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self.kill()
        self._socket.close()
        self._process.wait()
