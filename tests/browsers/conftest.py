"""What pages are tried with. Files that try commands have a broker of their own kind."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.support.browser import chromium
from tests.support.ports import free_udp_port
from tests.support.web_broker import HOST, WebBroker


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBroker]:
    """An open broker with its page and WebRTC, for a file."""
    options = ("--webrtc-port", str(free_udp_port(HOST)))
    with WebBroker(tmp_path_factory.mktemp("broker"), options) as running:
        yield running
