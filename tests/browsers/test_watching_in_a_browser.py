"""Browsers that watch, chat and produce, each through the pages of a running broker."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import WANTS_A_CLICK, WITHIN_MS, lost_packets, statistics, visitor
from tests.support.processes import wait_until
from tests.support.recordings import without_last_units
from tests.support.web_broker import WebBroker

from headrace.media.decoder import StreamDecoder

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CHANNEL = "harbour"
WITHIN_SECONDS = WITHIN_MS / 1000
PICTURES = 15
"""A second of them."""
PLAYING = "#player[data-state=playing]"
LIVE = "#preview-frame[data-state=live]"


def grown(page: Page, kind: str, name: str, than: float = 0) -> float:
    """Wait until a figure of what the page receives is larger; return it."""
    found = than

    def has_grown() -> bool:
        nonlocal found
        found = float(statistics(page, kind).get(name) or 0)
        return found > than

    wait_until(has_grown, f"{name} above {than}", seconds=WITHIN_SECONDS)
    return found


def size_of_all(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.ts"))


def decoded(folder: Path) -> StreamDecoder:
    """Return what has decoded the recording in a folder, which ended wherever in a picture it was stopped."""
    decoder = StreamDecoder()
    decoder.feed(without_last_units(next(folder.glob("*.ts")).read_bytes()))
    decoder.flush()
    return decoder


def test_a_click_plays_a_channel_with_picture_and_sound_and_nothing_is_lost(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    with broker.producer(tmp_path, CHANNEL, "--title", "The harbour"), visitor(browser, broker.url) as page:
        page.goto("/")
        page.get_by_role("link", name="harbour").click()
        page.locator(PLAYING).wait_for()
        frames = grown(page, "video", "framesDecoded")
        energy = grown(page, "audio", "totalAudioEnergy")
        before_packets = lost_packets(page)
        assert grown(page, "video", "framesDecoded", frames + PICTURES) > frames
        assert grown(page, "audio", "totalAudioEnergy", energy) > energy
        assert lost_packets(page) <= before_packets
        expect(page.get_by_role("heading", level=1)).to_have_text("The harbour", timeout=WITHIN_MS)
        expect(page.locator("#delay-text")).to_contain_text("ms", timeout=WITHIN_MS)
        assert page.evaluate("document.getElementById('video').muted") is False


def test_the_picture_comes_back_by_itself_when_the_producer_does(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    with visitor(browser, broker.url) as page:
        first = broker.producer(tmp_path, CHANNEL)
        broker.wait_until_live(CHANNEL)
        page.goto(f"/watch/{CHANNEL}")
        page.locator(PLAYING).wait_for()
        first.kill()
        page.locator("#player[data-state=waiting]").wait_for()
        expect(page.locator("#curtain-title")).to_have_text("Waiting for the producer")
        with broker.producer(tmp_path, CHANNEL):
            page.locator(PLAYING).wait_for()
            grown(page, "video", "framesDecoded", float(statistics(page, "video").get("framesDecoded") or 0))


def test_who_comes_before_the_producer_sees_the_picture_when_it_is_there(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    with visitor(browser, broker.url) as page:
        page.goto("/watch/later")
        expect(page.locator("#curtain-title")).to_have_text("Waiting for the producer", timeout=WITHIN_MS)
        with broker.producer(tmp_path, "later"):
            page.locator(PLAYING).wait_for()


def test_the_keyboard_pauses_mutes_and_shows_figures(browser: Browser, broker: WebBroker, tmp_path: Path) -> None:
    with broker.producer(tmp_path, CHANNEL), visitor(browser, broker.url) as page:
        broker.wait_until_live(CHANNEL)
        page.goto(f"/watch/{CHANNEL}")
        page.locator(PLAYING).wait_for()
        page.keyboard.press("m")
        expect(page.get_by_role("button", name="Unmute", exact=True)).to_be_visible()
        page.keyboard.press("s")
        expect(page.get_by_role("region", name="Playback figures")).to_contain_text("Lost in all")
        page.keyboard.press("k")
        page.locator("#player[data-state=stopped]").wait_for()
        page.keyboard.press("k")
        page.locator(PLAYING).wait_for()


def test_a_browser_that_wants_a_click_before_sound_plays_muted_and_says_how_to_hear(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    with broker.producer(tmp_path, CHANNEL), visitor(browser, broker.url) as page:
        broker.wait_until_live(CHANNEL)
        page.add_init_script(WANTS_A_CLICK)
        page.goto(f"/watch/{CHANNEL}")
        page.locator(PLAYING).wait_for()
        page.get_by_role("button", name="Unmute").first.click()
        assert page.evaluate("document.getElementById('video').muted") is False
        expect(page.locator("#unmute")).to_be_hidden()


def test_what_one_page_says_the_other_shows_and_markup_stays_text(browser: Browser, broker: WebBroker) -> None:
    words = "<img src=x onerror=document.title='owned'> & <b>bold</b>"
    with visitor(browser, broker.url) as one, visitor(browser, broker.url) as other:
        for page in (one, other):
            page.goto("/watch/talk")
            expect(page.locator("#chat-state")).to_be_empty(timeout=WITHIN_MS)
        one.get_by_label("Your name").fill("Otto")
        one.get_by_label("Message", exact=True).fill(words)
        one.get_by_role("button", name="Send").click()
        line = other.locator("#chat-lines li").last
        expect(line.locator(".chat-name")).to_have_text("Otto", timeout=WITHIN_MS)
        expect(line.locator(".chat-words")).to_have_text(words)
        assert other.locator("#chat-lines img, #chat-lines b").count() == 0
        assert other.title() != "owned"


def test_a_browser_produces_and_another_one_watches_it(browser: Browser, broker: WebBroker) -> None:
    with visitor(browser, broker.url) as studio, visitor(browser, broker.url) as page:
        studio.goto("/produce")
        studio.get_by_label("Channel", exact=True).fill("studio")
        studio.get_by_role("button", name="Go live").click()
        studio.locator(LIVE).wait_for()
        broker.wait_until_live("studio")
        expect(studio.get_by_role("link", name="Watch it")).to_have_attribute("href", "/watch/studio")
        page.goto("/watch/studio")
        page.locator(PLAYING).wait_for()
        grown(page, "video", "framesDecoded")
        studio.get_by_role("button", name="Stop").click()
        expect(studio.locator("#studio-state")).to_have_text("Not live.")
        broker.wait_until_live()


def test_what_a_browser_produces_is_received_over_srt(browser: Browser, broker: WebBroker, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with visitor(browser, broker.url) as studio:
        studio.goto("/produce")
        studio.get_by_label("Channel", exact=True).fill("studio")
        studio.get_by_role("button", name="Go live").click()
        studio.locator(LIVE).wait_for()
        broker.wait_until_live("studio")
        with broker.recorder(tmp_path, "studio"):
            wait_until(lambda: size_of_all(recordings) > 150_000, "150 KB received", seconds=60)
    decoder = decoded(recordings)
    assert decoder.errors == {}
    assert decoder.video_frames > 10
    assert decoder.audio_frames > 10


CAMERA_OF_720_LINES = """
navigator.mediaDevices.getUserMedia = ((open) => async (wanted) => {
  if (!wanted.video) return open(wanted);
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  const pen = canvas.getContext("2d");
  let number = 0;
  setInterval(() => {
    pen.fillStyle = `hsl(${(number * 3) % 360} 60% 50%)`;
    pen.fillRect(0, 0, 1280, 720);
    pen.fillStyle = "#fff";
    pen.fillRect((number++ * 7) % 1200, 320, 80, 80);
  }, 66);
  return canvas.captureStream(15);
})(navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices));
"""
"""Chromium's own camera that is not there has 640x480 on some machines."""


def test_a_browser_sends_several_qualities_and_who_watches_chooses_one_without_a_new_session(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    recordings = tmp_path / "recordings"
    with visitor(browser, broker.url) as studio, visitor(browser, broker.url) as page:
        studio.add_init_script(CAMERA_OF_720_LINES)
        studio.goto("/produce")
        studio.get_by_label("Channel", exact=True).fill("layers")
        expect(studio.get_by_label("Several qualities")).to_be_checked()
        studio.get_by_role("button", name="Go live").click()
        studio.locator(LIVE).wait_for()
        broker.wait_until_live("layers")
        page.goto("/watch/layers")
        page.locator(PLAYING).wait_for()
        quality = page.get_by_label("Quality")
        expect(quality.locator("option")).to_have_count(4, timeout=WITHIN_MS)
        assert [text.split()[0] for text in quality.locator("option").all_text_contents()] == [
            "Auto",
            "720p",
            "360p",
            "180p",
        ]
        for name, lines in (("180p", 180), ("360p", 360), ("720p", 720)):
            quality.select_option(label=name)
            wait_until(
                lambda lines=lines: statistics(page, "video").get("frameHeight") == lines,  # type: ignore[misc]
                f"{lines} lines",
                seconds=WITHIN_SECONDS,
            )
        grown(page, "video", "framesDecoded", float(statistics(page, "video")["framesDecoded"]))
        assert page.evaluate("globalThis.connections.length") == 1
        with broker.recorder(tmp_path, "layers"):
            wait_until(lambda: size_of_all(recordings) > 300_000, "300 KB received", seconds=60)
    decoder = decoded(recordings)
    assert decoder.errors == {}
    assert decoder.video_frames > 10
