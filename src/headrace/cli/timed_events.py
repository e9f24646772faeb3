"""JSON objects from a file or FIFO, sent as timed metadata of a running stream."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Final

import structlog

from headrace.base.errors import HeadraceError
from headrace.media.live_stream import LiveStream
from headrace.media.pass_through import PassThrough

POLL_SECONDS: Final = 0.02
"""Half a frame: an event that waits for its time goes with that time's frame."""

_log = structlog.get_logger()


class TimedEventsError(HeadraceError):
    """The file of events cannot be read."""


class TimedEvents:
    """Reads objects, a line each, in a thread.

    Args:
        path: File or FIFO. A FIFO can be written to while the stream runs, by one writer after another.
        stream: Gets each object, at its ``"at"`` (seconds of the stream) or at once.

    Raises:
        TimedEventsError: There is no such file, or it cannot be read.
    """

    def __init__(self, path: Path, stream: LiveStream | PassThrough) -> None:
        if not path.exists() or path.is_dir() or not os.access(path, os.R_OK | (os.W_OK if path.is_fifo() else 0)):
            raise TimedEventsError(f"cannot read {path}: --events wants a file or FIFO of JSON lines")
        self._path = path
        self._stream = stream
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def _run(self) -> None:
        # Opened for writing too, a FIFO has no end between two writers, at which what the second one has written
        # already would be lost with the reader's descriptor.
        flags = os.O_RDWR if self._path.is_fifo() else os.O_RDONLY
        with os.fdopen(os.open(self._path, flags), encoding="utf-8", errors="replace") as lines:
            for line in filter(str.strip, lines):
                try:
                    self._send(line)
                except (ValueError, TypeError) as error:
                    _log.warning("event left out", reason=str(error), line=line.strip()[:80])

    def _send(self, line: str) -> None:
        event = json.loads(line)
        if not isinstance(event, dict):
            raise TypeError("an event is a JSON object")
        at_seconds = event.get("at", 0)
        if not isinstance(at_seconds, int | float):
            raise TypeError('"at" is a number of seconds')
        while self._stream.counters.media_time_us < at_seconds * 1e6:
            time.sleep(POLL_SECONDS)
        self._stream.send_metadata(event)
