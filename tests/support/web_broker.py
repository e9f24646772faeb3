"""``headrace serve`` with its HTTP side, and producers of test patterns, as programs."""

from collections.abc import Sequence
from pathlib import Path

import httpx
from tests.support.headrace_commands import Headrace
from tests.support.ports import free_tcp_port, free_udp_port
from tests.support.processes import wait_until

HOST = "127.0.0.1"
READY_SECONDS = 60.0
"""FastAPI is loaded in a second, on a busy machine in thirty."""
WATCHABLE = ("--test", "--size", "320x180", "--rate", "15", "--bitrate", "300", "--preset", "ultrafast")


class WebBroker(Headrace):
    """Serves on free ports of the loopback interface. It is ready when the constructor returns.

    Args:
        folder: For its log.
        options: More of its command line.
        is_open: Whether it has no state, and anybody may produce.

    Attributes:
        srt: ``HOST:PORT`` for programs that speak SRT.
        url: Of its first page.
    """

    def __init__(self, folder: Path, options: Sequence[str] = (), *, is_open: bool = True) -> None:
        self.srt = f"{HOST}:{free_udp_port(HOST)}"
        http = f"{HOST}:{free_tcp_port()}"
        self.url = f"http://{http}"
        state = ("--open", "--state", "off") if is_open else ("--state", str(folder / "state"))
        super().__init__(folder, "serve", "--listen", self.srt, *state, "--http", http, *options)
        wait_until(self._is_ready, f"HTTP at {http}", seconds=READY_SECONDS)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def live(self) -> list[str]:
        """Return the ids of the channels that its directory shows as live."""
        listed = httpx.get(f"{self.url}/api/v1/channels", timeout=30).json()["channels"]
        return sorted(one["id"] for one in listed if one["state"] == "live")

    def producer(self, folder: Path, channel_id: str, *options: str) -> Headrace:
        """Start a producer of a test pattern with sound."""
        return Headrace(folder, "produce", channel_id, "--broker", self.srt, *WATCHABLE, *options)

    def recorder(self, folder: Path, channel_id: str) -> Headrace:
        """Start what writes a channel, as it comes over SRT, to a file in ``folder / "recordings"``."""
        target = str(folder / "recordings")
        return Headrace(folder, "client", channel_id, "--broker", self.srt, "--record", target, "--seconds", "120")

    def wait_until_live(self, *channel_ids: str) -> None:
        """Wait until these channels are live, and no other ones."""
        wait_until(lambda: self.live() == sorted(channel_ids), f"live: {channel_ids}", seconds=READY_SECONDS)
