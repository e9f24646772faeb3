"""The pages in a real browser: what stands there, for whom, and whether axe finds anything wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import DESKTOP, PHONE, WITHIN_MS, Trouble, violations, visitor
from tests.support.long_runs import only_long
from tests.support.web_broker import WebBroker

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CHANNELS = ("harbour", "kitchen", "mill-lane")
SIZES = {"desktop": DESKTOP, "phone": PHONE}
SLOW = ("--rate", "5", "--size", "160x90")
"""Nobody looks at what moves: three producers that run all the time are to cost little."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBroker]:
    """Give a broker with three channels."""
    folder = tmp_path_factory.mktemp("live")
    with WebBroker(folder) as broker:
        producers = [broker.producer(folder, one, "--title", f"What {one} shows", *SLOW) for one in CHANNELS]
        try:
            broker.wait_until_live(*CHANNELS)
            yield broker
        finally:
            for producer in producers:
                producer.stop()


def expect_cards(page: Page) -> None:
    expect(page.locator(".card:not([aria-hidden])")).to_have_count(len(CHANNELS), timeout=WITHIN_MS)


def test_the_directory_shows_live_channels_with_thumbnails(browser: Browser, live: WebBroker) -> None:
    trouble = Trouble()
    with visitor(browser, live.url) as page:
        trouble.listen_to(page)
        page.goto("/")
        expect_cards(page)
        expect(page.locator("#sum")).to_contain_text("3 channels")
        for channel in CHANNELS:
            picture = page.locator(".card", has_text=channel).locator("img")
            picture.and_(page.locator("[src]")).wait_for()
            assert picture.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [480, 270]
        expect(page.locator(".badge-live").first).to_contain_text("LIVE")
    # A picture that is not there yet is asked for again, and the browser says so: nothing else may be.
    assert [line for line in trouble if "404" not in line] == []


def test_a_channel_that_ends_leaves_the_directory_by_itself(
    browser: Browser, live: WebBroker, tmp_path: Path
) -> None:
    with visitor(browser, live.url) as page:
        page.goto("/")
        expect_cards(page)
        with live.producer(tmp_path, "passing", *SLOW):
            expect(page.get_by_role("link", name="passing")).to_be_visible(timeout=WITHIN_MS)
        expect(page.get_by_role("link", name="passing")).to_be_hidden(timeout=WITHIN_MS)
        expect_cards(page)


def test_where_nothing_is_live_the_directory_says_how_to_go_live(browser: Browser, tmp_path: Path) -> None:
    with WebBroker(tmp_path) as broker, visitor(browser, broker.url) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name="Nobody is live")).to_be_visible()
        expect(page.get_by_text("headrace produce live")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("link", name="Go live from this browser").click()
        expect(page.get_by_role("heading", name="Produce")).to_be_visible()


@pytest.mark.parametrize(
    ("colours", "size"),
    [("light", "desktop"), ("dark", "phone"), only_long("dark", "desktop"), only_long("light", "phone")],
)
def test_axe_finds_nothing(browser: Browser, live: WebBroker, colours: str, size: str) -> None:
    with visitor(browser, live.url, viewport=SIZES[size], color_scheme=colours) as page:
        page.goto("/")
        expect_cards(page)
        assert violations(page) == []
        page.goto("/watch/harbour")
        expect(page.get_by_role("heading", level=1)).to_contain_text("harbour")
        page.locator("#delay").dispatch_event("click")
        assert violations(page) == []
        page.get_by_role("button", name="Other players").click()
        assert violations(page) == []
        page.goto("/produce")
        assert violations(page) == []
        page.goto("/operate")
        assert violations(page) == []


def test_no_page_is_wider_than_a_phone(browser: Browser, live: WebBroker) -> None:
    with visitor(browser, live.url, viewport=PHONE, is_mobile=True, has_touch=True) as page:
        for path in ("/", "/watch/harbour", "/produce", "/operate"):
            page.goto(path)
            page.wait_for_load_state("networkidle") if path != "/watch/harbour" else None
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


def test_the_colours_are_the_systems_until_somebody_chooses(browser: Browser, live: WebBroker) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with visitor(browser, live.url, color_scheme="dark") as page:
        page.goto("/")
        dark = page.evaluate(ground)
        page.locator("#theme").click()
        assert page.evaluate(ground) != dark
        page.reload()
        light = page.evaluate(ground)
        assert light != dark
        page.locator("#theme").click()
        assert page.evaluate(ground) == dark


def test_the_keyboard_reaches_a_channel_and_the_focus_is_seen(browser: Browser, live: WebBroker) -> None:
    with visitor(browser, live.url) as page:
        page.goto("/")
        expect_cards(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the channels")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        focused = page.locator(".card a:focus")
        assert focused.evaluate("(link) => getComputedStyle(link, '::after').outlineStyle") == "solid"
        title = focused.inner_text()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
