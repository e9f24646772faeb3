"""Channels that browsers do not play, in Chromium: re-encoded with the setting, and a clear notice without."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import WITHIN_MS, statistics, visitor
from tests.support.long_runs import only_long
from tests.support.ports import free_udp_port
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program
from tests.support.web_broker import HOST, WebBroker

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CHANNEL = "harbour"
WITHIN_SECONDS = WITHIN_MS / 1000
PICTURE = "testsrc2=size=320x180:rate=25"
B_FRAMES = ("-bf", "3", "-x264-params", "b-adapt=0")
NO_IDR = ("-tune", "zerolatency", "-x264-params", "intra-refresh=1")
BOTH = pytest.mark.parametrize(
    ("options", "word", "has_reordering"),
    [(B_FRAMES, "B-frames", True), only_long(NO_IDR, "no IDR pictures", False)],
)


def broker(folder: Path, *options: str) -> WebBroker:
    return WebBroker(folder, ("--webrtc-port", str(free_udp_port(HOST)), *options))


def ffmpeg(running: WebBroker, folder: Path, options: tuple[str, ...]) -> Program:
    """Start what produces the channel over SRT, with AAC."""
    inputs = ("-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", "sine=440")
    target = f"srt://{running.srt}?streamid=publish:{CHANNEL}&pkt_size=1316"
    command = [find_program("ffmpeg"), "-hide_banner", "-nostats", *inputs]
    encoders = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", *options, "-c:a", "aac")
    return Program([*command, *encoders, "-f", "mpegts", target], folder, "ffmpeg")


@BOTH
def test_with_the_setting_the_picture_plays_with_sound_and_the_page_says_so(
    browser: Browser, tmp_path: Path, options: tuple[str, ...], word: str, has_reordering: bool
) -> None:
    with broker(tmp_path, "--recode-for-browsers") as running, ffmpeg(running, tmp_path, options):
        running.wait_until_live(CHANNEL)
        with visitor(browser, running.url) as page:
            page.goto(f"/watch/{CHANNEL}")
            page.locator("#player[data-state=playing]").wait_for()

            def figure(kind: str, name: str) -> float:
                return float(statistics(page, kind).get(name) or 0)

            wait_until(lambda: figure("video", "framesDecoded") > 50, "pictures", seconds=WITHIN_SECONDS)
            wait_until(lambda: figure("audio", "totalAudioEnergy") > 0, "sound", seconds=WITHIN_SECONDS)
            # A busy machine shows some late. Times that were wrong would have Chromium drop nearly all.
            assert figure("video", "framesDropped") < figure("video", "framesDecoded")
            expect(page.locator("#codec")).to_contain_text("re-encoded for browsers", timeout=WITHIN_MS)
            assert page.locator("#notice").is_hidden()
        channel = httpx.get(f"{running.url}/api/v1/channels/{CHANNEL}").json()
        assert (channel["in_browsers"], channel["has_reordering"]) == ("recoded", has_reordering)
        assert channel["notice"] is None
    assert f"{word}: re-encoded for browsers" in running.log


@BOTH
def test_without_it_the_page_says_what_the_producer_has_to_change(
    browser: Browser, tmp_path: Path, options: tuple[str, ...], word: str, has_reordering: bool
) -> None:
    with broker(tmp_path) as running, ffmpeg(running, tmp_path, options):
        running.wait_until_live(CHANNEL)
        with visitor(browser, running.url) as page:
            page.goto(f"/watch/{CHANNEL}")
            page.locator("#player[data-state=unplayable]").wait_for()
            expect(page.locator("#curtain-text")).to_contain_text(word)
            expect(page.locator("#notice-text")).to_contain_text("x264:", timeout=WITHIN_MS)
        channel = httpx.get(f"{running.url}/api/v1/channels/{CHANNEL}").json()
        assert (channel["in_browsers"], channel["has_reordering"]) == ("not", has_reordering)
