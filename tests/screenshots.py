"""Takes the pictures of ``docs/images`` anew: each page of a running broker, light and dark, for desk and phone.

::

    python -m tests.screenshots docs/images
"""

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page
from tests.support.browser import DESKTOP, PHONE, chromium, visitor
from tests.support.headrace_commands import Headrace
from tests.support.ports import free_udp_port
from tests.support.web_broker import HOST, WebBroker

SAMPLES: Final = Path(__file__).parent.parent / "samples"
ADMIN_TOKEN: Final = "admin-token-for-a-minute"
PRODUCED: Final = {
    "1AAA99": ("--file", str(SAMPLES / "clip.mp4"), "--loop", "--title", "Harbour at first light"),
    "2BBB99": ("--frames", str(SAMPLES / "frames"), "--rate", "10", "--loop", "--title", "Mill lane, camera 2"),
    "3CCC99": ("--test", "--size", "640x360", "--rate", "15", "--preset", "ultrafast", "--title", "Test pattern"),
}
QUALITY: Final = 80
MAX_BYTES: Final = 150_000
SETTLE_MS: Final = 4_000


def _show_directory(page: Page) -> None:
    page.goto("/")
    page.locator(".card img[src]").nth(len(PRODUCED) - 1).wait_for()


def _show_channel(page: Page) -> None:
    page.goto("/watch/1AAA99")
    page.locator("#player[data-state=playing]").wait_for()
    page.locator("#unmute").evaluate("(button) => (button.hidden = true)")
    if page.locator("#chat-lines li").count() < 3:
        for name, text in (("Otto", "The light is perfect today"), ("Sara", "Which camera is this?")):
            page.get_by_label("Your name").fill(name)
            page.get_by_label("Message", exact=True).fill(text)
            page.get_by_role("button", name="Send").click()
            page.wait_for_timeout(1500)


def _show_studio(page: Page) -> None:
    page.goto("/produce")
    page.get_by_role("button", name="Camera").click()
    page.locator("#preview-blank").wait_for(state="hidden")


def _show_desk(page: Page) -> None:
    page.goto("/operate")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Come in").click()
    page.get_by_role("button", name="1AAA99").click()
    page.wait_for_timeout(20_000)


PAGES: Final[dict[str, Callable[[Page], None]]] = {
    "directory": _show_directory,
    "watch": _show_channel,
    "produce": _show_studio,
    "operate": _show_desk,
}


@contextmanager
def _live_broker(folder: Path) -> Iterator[WebBroker]:
    (folder / "admin").write_text(ADMIN_TOKEN)
    options = ("--webrtc-port", str(free_udp_port(HOST)), "--admin-token-file", str(folder / "admin"))
    with ExitStack() as running:
        broker = running.enter_context(WebBroker(folder, options))
        for channel, source in PRODUCED.items():
            running.enter_context(Headrace(folder, "produce", channel, "--broker", broker.srt, *source))
        broker.wait_until_live(*PRODUCED)
        yield broker


def take(browser: Browser, url: str, folder: Path) -> None:
    """Take all pictures."""
    for colours in ("light", "dark"):
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            with visitor(browser, url, viewport=viewport, color_scheme=colours) as page:
                for name, show in PAGES.items():
                    show(page)
                    page.wait_for_timeout(SETTLE_MS)
                    _save(page.screenshot(), folder / f"{name}-{colours}-{size}.webp")


def _save(png: bytes, file: Path) -> None:
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
    assert file.stat().st_size <= MAX_BYTES, f"{file} has more than {MAX_BYTES} bytes"
    print(file)


def main() -> None:
    """Take them into the folder that is named."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _live_broker(Path(folder)) as broker, chromium() as browser:
        take(browser, broker.url, target)


if __name__ == "__main__":
    main()
