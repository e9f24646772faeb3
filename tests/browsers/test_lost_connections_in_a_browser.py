"""What a page does when its connection is lost: the picture comes back by itself, by a new session."""

import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page
from tests.support.browser import WITHIN_MS, statistics, visitor
from tests.support.headrace_commands import Headrace
from tests.support.ports import free_tcp_port, free_udp_port
from tests.support.processes import wait_until
from tests.support.web_broker import HOST, READY_SECONDS, WATCHABLE

pytestmark = [
    pytest.mark.interop,
    pytest.mark.long,
    pytest.mark.timeout(300),
]

CHANNEL = "harbour"
BACK_SECONDS = 90.0
"""Eight seconds are what a browser takes to notice and the page to be sure; the rest is for a busy machine."""


class SamePorts:
    """Where a broker is, and the next one after it.

    Attributes:
        srt: ``HOST:PORT`` for programs that speak SRT.
        http: ``HOST:PORT`` of its page.
    """

    def __init__(self) -> None:
        self.srt = f"{HOST}:{free_udp_port(HOST)}"
        self.http = f"{HOST}:{free_tcp_port()}"
        self._webrtc_port = free_udp_port(HOST)

    def broker(self, folder: Path) -> Headrace:
        """Start a broker, and wait until it is ready."""
        options = ("--open", "--state", "off", "--http", self.http, "--webrtc-port", str(self._webrtc_port))
        broker = Headrace(folder, "serve", "--listen", self.srt, *options)
        wait_until(self._is_ready, "it is ready", seconds=READY_SECONDS)
        return broker

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{self.http}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def shows_more(page: Page, connections: int) -> bool:
    """Tell whether pictures come by a connection that is newer than the first so many."""
    if page.evaluate("globalThis.connections.length") <= connections:
        return False
    return bool(statistics(page, "video").get("framesDecoded"))


def test_after_a_broker_was_killed_and_started_again_the_picture_comes_back_without_a_click(
    browser: Browser, tmp_path: Path
) -> None:
    ports = SamePorts()
    first = ports.broker(tmp_path)
    with (
        Headrace(tmp_path, "produce", CHANNEL, "--broker", ports.srt, *WATCHABLE),
        visitor(browser, f"http://{ports.http}") as page,
    ):
        page.goto(f"/watch/{CHANNEL}")
        page.locator("#player[data-state=playing]").wait_for(timeout=2 * WITHIN_MS)
        before = page.evaluate("globalThis.connections.length")
        first.kill()
        killed = time.monotonic()
        with ports.broker(tmp_path):
            up = time.monotonic()
            wait_until(lambda: shows_more(page, before), "the picture is back", seconds=BACK_SECONDS)
            back = time.monotonic()
            print(f"up again after {up - killed:.1f} s, the picture back after {back - killed:.1f} s")
            page.locator("#player[data-state=playing]").wait_for()
