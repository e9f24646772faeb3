"""Debian's Chromium, driven by Playwright, with a camera and a microphone that are not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from tests.support.programs import find_program

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
WITHIN_MS: Final = 30_000
"""For whatever a busy machine has to do."""
ARGUMENTS: Final = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Of a click in a page before, as a person's is.
    "--autoplay-policy=no-user-gesture-required",
)
WANTS_A_CLICK: Final = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  return this.muted ? play.call(this) : Promise.reject(new DOMException("not without a click", "NotAllowedError"));
};
"""
"""Makes a page's browser one that plays no sound before a click: to Chromium whatever Playwright does is one."""
REMEMBER_CONNECTIONS: Final = """
globalThis.connections = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...configuration) { super(...configuration); globalThis.connections.push(this); }
};
"""
"""Lets a test ask the page's connections for their statistics; the page itself shows them to nobody."""
STATISTICS: Final = """async () => {
  const report = await globalThis.connections.at(-1).getStats();
  return [...report.values()].filter((one) => /(in|out)bound-rtp/.test(one.type));
}"""


class Trouble(list[str]):
    """What a page complained of: exceptions, and errors of its console."""

    def listen_to(self, page: Page) -> None:
        """Note what ``page`` complains of from now on."""
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda message: self.append(message.text) if message.type == "error" else None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser."""
    path = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, base_url: str, **options: Any) -> Iterator[Page]:
    """Give a page of somebody who was never here before, whose addresses begin with ``base_url``."""
    context: BrowserContext = browser.new_context(base_url=base_url, **{"viewport": DESKTOP, **options})
    context.set_default_timeout(WITHIN_MS)
    context.add_init_script(REMEMBER_CONNECTIONS)
    try:
        yield context.new_page()
    finally:
        context.close()


def statistics(page: Page, kind: str, direction: str = "inbound") -> dict[str, Any]:
    """Return what the page's newest connection says of its video or audio."""
    wanted = f"{direction}-rtp"
    found = [one for one in page.evaluate(STATISTICS) if one["type"] == wanted and one["kind"] == kind]
    return dict(found[0]) if found else {}


def lost_packets(page: Page) -> int:
    """Return how many packets the page's newest connection has missed so far, of picture and sound.

    Chromium leaves those counted that came again. On a busy machine its socket may overflow while the page begins,
    when it gets many at once; once it plays there is no reason for it.
    """
    return sum(int(statistics(page, kind)["packetsLost"]) for kind in ("video", "audio"))


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with a page as it is shown now."""
    answer = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{one['id']}: {one['help']}: " + "; ".join(str(node["target"]) for node in one["nodes"])
        for one in answer["violations"]
    ]
