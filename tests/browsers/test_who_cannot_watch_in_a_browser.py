"""What a channel's page says to who cannot watch it, and what can be touched there on small screens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.support.browser import DESKTOP, PHONE, WITHIN_MS, violations, visitor
from tests.support.headrace_commands import run_headrace
from tests.support.ports import free_udp_port
from tests.support.web_broker import HOST, WebBroker

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

PRIVATE, ENCRYPTED, LATER = "vault", "sealed", "later"
SMALL: Final[ViewportSize] = {"width": 320, "height": 568}
ON_ITS_SIDE: Final[ViewportSize] = {"width": 844, "height": 390}
TOUCHED: Final[dict[str, Any]] = {"is_mobile": True, "has_touch": True}
PHONES = pytest.mark.parametrize(
    "viewport", [SMALL, PHONE, ON_ITS_SIDE], ids=lambda size: f"{size['width']}x{size['height']}"
)
TOUCH_MS: Final = 5000
"""What lies under something else is never touched; a busy machine needs a second."""
OUTSIDE_THE_PLAYER: Final = """() => {
  const player = document.getElementById("player").getBoundingClientRect();
  return [...document.querySelectorAll("#curtain > *, #token-form > *")].filter((one) => {
    const box = one.getBoundingClientRect();
    const isBeside = box.left < player.left || box.right > player.right;
    const isInside = box.top >= player.top && box.bottom <= player.bottom && !isBeside;
    return box.width > 0 && !isInside;
  }).map((one) => one.id || one.className);
}"""
RIGHT_EDGES: Final = """() => [...document.getElementById("controls").children]
  .map((one) => one.getBoundingClientRect()).filter((one) => one.width > 0).map((one) => one.right)"""


class Closed:
    """A broker with channels that not everybody can watch; nobody produces.

    Attributes:
        folder: Of its state and logs.
        broker: Running.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.do("channels", "add", PRIVATE, "--visibility", "private")
        self.do("channels", "add", ENCRYPTED, "--encrypt")
        self.broker = WebBroker(folder, ("--webrtc-port", str(free_udp_port(HOST))), is_open=False)

    def do(self, *arguments: str) -> str:
        """Run a command on its state; return what it said."""
        done = run_headrace(*arguments, "--state", str(self.folder / "state"), folder=self.folder, seconds=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """Give that broker, for a file."""
    running = Closed(tmp_path_factory.mktemp("closed"))
    with running.broker:
        yield running


@pytest.fixture
def closed_anew(tmp_path: Path) -> Iterator[Closed]:
    """Give such a broker for one test: who shows wrong tokens waits longer each time."""
    running = Closed(tmp_path)
    with running.broker:
        yield running


def wait_for(page: Page, state: str) -> None:
    page.locator(f"#player[data-state={state}]").wait_for()


@PHONES
def test_on_a_phone_a_private_channel_takes_a_token_by_touch(
    browser: Browser, closed_anew: Closed, viewport: ViewportSize
) -> None:
    with visitor(browser, closed_anew.broker.url, viewport=viewport, **TOUCHED) as page:
        page.goto(f"/watch/{PRIVATE}")
        wait_for(page, "token")
        assert page.evaluate(OUTSIDE_THE_PLAYER) == []
        expect(page.locator("#curtain-text")).not_to_contain_text("Authorization")
        page.get_by_label("Viewer token").tap(timeout=TOUCH_MS)
        expect(page.get_by_label("Viewer token")).to_be_focused()
        page.keyboard.type("not-a-token")
        page.get_by_role("button", name="Watch").tap(timeout=TOUCH_MS)
        expect(page.locator("#curtain-text")).to_contain_text("does not open it", timeout=WITHIN_MS)
        assert violations(page) == []


@PHONES
def test_on_a_phone_what_cannot_be_played_is_tried_again_by_touch(
    browser: Browser, closed: Closed, viewport: ViewportSize
) -> None:
    with visitor(browser, closed.broker.url, viewport=viewport, **TOUCHED) as page:
        page.goto(f"/watch/{ENCRYPTED}")
        wait_for(page, "unplayable")
        expect(page.locator("#curtain-text")).to_contain_text("passphrase")
        assert page.evaluate(OUTSIDE_THE_PLAYER) == []
        before = page.evaluate("globalThis.connections.length")
        page.get_by_role("button", name="Try now").tap(timeout=TOUCH_MS)
        page.wait_for_function("(before) => globalThis.connections.length > before", arg=before)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_channel_that_is_not_there_is_called_that_until_it_is(
    browser: Browser, closed: Closed, colours: str
) -> None:
    channel = f"{LATER}-{colours}"
    with visitor(browser, closed.broker.url, color_scheme=colours) as page:
        page.goto(f"/watch/{channel}")
        expect(page.locator("#curtain-title")).to_have_text("There is no such channel", timeout=WITHIN_MS)
        expect(page.get_by_role("link", name="See what is live")).to_have_attribute("href", "/")
        assert violations(page) == []
        closed.do("channels", "add", channel)
        expect(page.locator("#curtain-title")).to_have_text("Waiting for the producer", timeout=WITHIN_MS)
        expect(page.get_by_role("link", name="See what is live")).to_be_hidden()


@pytest.mark.parametrize("qualities", [False, True])
def test_all_controls_of_the_player_are_on_the_smallest_screen(
    browser: Browser, closed: Closed, *, qualities: bool
) -> None:
    with visitor(browser, closed.broker.url, viewport=SMALL, **TOUCHED) as page:
        page.goto(f"/watch/{PRIVATE}")
        wait_for(page, "token")
        page.evaluate("document.getElementById('delay-text').textContent = '1,234 ms'")
        page.evaluate("(are) => { document.getElementById('quality').hidden = !are; }", qualities)
        edges = page.evaluate(RIGHT_EDGES)
        assert len(edges) >= 5
        assert max(edges) <= SMALL["width"]


def test_the_player_is_as_high_as_a_picture_where_there_is_room(browser: Browser, closed: Closed) -> None:
    with visitor(browser, closed.broker.url, viewport=DESKTOP) as page:
        page.goto(f"/watch/{PRIVATE}")
        wait_for(page, "token")
        box = page.locator("#player").bounding_box()
        assert box is not None
        assert box["height"] == pytest.approx(box["width"] * 9 / 16, abs=1)
