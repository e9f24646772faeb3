"""Asks a running broker of this machine what it is doing."""

import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from headrace.base.errors import HeadraceError
from headrace.service.control_path import SUFFIX, control_folder, control_path

ANSWER_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 1 << 30


class NoBrokerError(HeadraceError):
    """No broker of this user can be asked."""


class ControlClient:
    """A connection to a broker's control socket; use it in a ``with`` block.

    Args:
        port: The broker's UDP port.
        path: Where its socket is, if it was told to have it elsewhere.

    Raises:
        NoBrokerError: Nobody answers there.
    """

    def __init__(self, port: int, path: Path | None = None) -> None:
        self._path = path or control_path(port)
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.settimeout(ANSWER_SECONDS)
        try:
            self._unix.connect(os.fspath(self._path))
        except OSError as error:
            self._unix.close()
            where = f"at {path}" if path else f"on port {port}"
            raise NoBrokerError(_explain(where, self._path, error)) from None
        self._lines = self._unix.makefile("rb")

    def status(self, subscribers_of: str | None = None) -> dict[str, Any]:
        """Return the broker's status, as ``docs/reference/statistics.md`` tells.

        Args:
            subscribers_of: Id of the channel whose subscribers are wanted; ``*`` for all.

        Raises:
            NoBrokerError: It has ended.
        """
        return self._ask({"want": "status", "subscribers_of": subscribers_of})

    def channels(self) -> list[dict[str, Any]]:
        """Return what is said of each channel, as ``docs/reference/http-api.md`` tells, those that are live first.

        Raises:
            NoBrokerError: It has ended, or is of a version that knows no such question.
        """
        channels: list[dict[str, Any]] | None = self._ask({"want": "channels"}).get("channels")
        if channels is None:
            raise NoBrokerError("the broker is of an older version: end it, and start this one")
        return channels

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._unix.sendall(json.dumps(request).encode() + b"\n")
            line = self._lines.readline(MAX_ANSWER_BYTES)
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise NoBrokerError("the broker has ended, or does not answer: its log says why")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._unix.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _explain(where: str, path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{path} belongs to another user: run headrace status as the user that runs the broker"
    others = _other_ports(path)
    there_are = "there is one on port" if len(others) == 1 else "there are some on ports"
    hint = f"({there_are} {', '.join(map(str, others))}) " if others else ""
    return (
        f"no broker of yours runs {where} {hint}: start one with 'headrace serve', or name another with "
        "--port PORT or --control PATH"
    ).replace(" :", ":")


def _other_ports(path: Path) -> list[int]:
    """Return the ports of brokers that could be meant."""
    try:
        names = [one.stem for one in control_folder().glob(f"*{SUFFIX}") if one != path]
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isdigit() and _lives(control_path(int(name))))


def _lives(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(os.fspath(path)) == 0
