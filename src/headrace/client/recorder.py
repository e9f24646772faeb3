"""Writes a channel to a playable ``.ts`` file."""

import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from headrace.base.channel_id import check_channel_id

MAX_NAME_TRIES: Final = 1000

_log = logging.getLogger(__name__)


class Recorder:
    """A sink of a subscription that writes what it gets to a new file, made with the first payload.

    A disk that fails ends the recording, with a log line, and nothing else.

    Args:
        directory: Where the file goes; it is made if need be.
        channel_id: Begins the file's name; checked, so that it cannot name another folder.

    Attributes:
        path: The file, None before there is one.
        failure: Why the recording ended early, None if it did not.

    Raises:
        ChannelIdError: The channel id cannot be one.
        OSError: The directory cannot be made.
    """

    def __init__(self, directory: Path, channel_id: str) -> None:
        self.path: Path | None = None
        self._directory = directory
        self._channel_id = check_channel_id(channel_id)
        self._file: BinaryIO | None = None
        self._is_over = False
        self.failure: OSError | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, payloads: Sequence[bytes]) -> None:
        """Append payloads; after `close`, or after the disk has failed, nothing happens."""
        if self._is_over:
            return
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(b"".join(payloads))
        except OSError as error:
            self._fail(error)
            self.close()

    def close(self) -> None:
        """Finish the file."""
        self._is_over = True
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._fail(error)  # what was held back did not fit

    def _fail(self, error: OSError) -> None:
        if self.failure is None:
            self.failure = error
            what = f"the recording {self.path} ended" if self.path else f"nothing is recorded in {self._directory}"
            _log.error("%s: %s: %s", self._channel_id, what, error.strerror or error)

    def _open(self) -> BinaryIO:
        """Open a file that did not exist: an old recording is never written over."""
        stem = f"{self._channel_id}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
        for number in range(MAX_NAME_TRIES):
            path = self._directory / (f"{stem}.ts" if number == 0 else f"{stem}-{number}.ts")
            with contextlib.suppress(FileExistsError):
                file = path.open("xb")
                self.path = path
                return file
        raise FileExistsError(f"{MAX_NAME_TRIES} recordings named {stem} exist in {self._directory}")
