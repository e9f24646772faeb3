"""Browsers on one side of a running broker, FFmpeg and srt-live-transmit on the other."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.support.browser import WITHIN_MS, lost_packets, statistics, visitor
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program
from tests.support.web_broker import WebBroker

from headrace.media.decoder import StreamDecoder

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

WITHIN_SECONDS = WITHIN_MS / 1000
RECEIVED_SECONDS = 4
FRAMES_PER_SECOND = 25
"""Of the publisher in ``tests/support/whip_publisher.py``."""
OPUS_PACKETS_PER_SECOND = 50


@contextmanager
def studio_live(browser: Browser, broker: WebBroker, channel: str) -> Iterator[Page]:
    """Produce with a browser's camera and microphone."""
    with visitor(browser, broker.url) as studio:
        studio.goto("/produce")
        studio.get_by_label("Channel", exact=True).fill(channel)
        studio.get_by_role("button", name="Go live").click()
        studio.locator("#preview-frame[data-state=live]").wait_for()
        broker.wait_until_live(channel)
        yield studio


def srt_url(broker: WebBroker, channel: str) -> str:
    """Return the address of a channel for FFmpeg, whose latency is in microseconds."""
    return f"srt://{broker.srt}?streamid={channel}&latency=120000"


def watches(page: Page) -> bool:
    """Tell whether a page has decoded a second's pictures and played sound."""
    video, audio = statistics(page, "video"), statistics(page, "audio")
    return bool(video.get("framesDecoded", 0) > FRAMES_PER_SECOND and audio.get("totalAudioEnergy", 0) > 0)


def test_what_a_browser_produces_ffmpeg_receives_over_srt_and_decodes_without_a_complaint(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    command = [
        find_program("ffmpeg"),
        "-v",
        "warning",
        "-i",
        srt_url(broker, "studio"),
        "-t",
        str(RECEIVED_SECONDS),
    ]
    command += ["-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough", "-progress", "pipe:1", "-f", "framehash"]
    with studio_live(browser, broker, "studio") as studio:
        encoded = statistics(studio, "video", "outbound")
        with Program([*command, str(tmp_path / "frames")], tmp_path, "ffmpeg") as ffmpeg:
            assert ffmpeg.wait(60) == 0, ffmpeg.log
        sent = statistics(studio, "video", "outbound")
    assert ffmpeg.log == ""
    streams = [line.split(",")[0] for line in (tmp_path / "frames").read_text().splitlines() if line[0] != "#"]
    pictures, sounds = streams.count("0"), sum(stream != "0" for stream in streams)
    # More than were sent meanwhile cannot have come, but for those since the keyframe with which it began.
    assert FRAMES_PER_SECOND < pictures <= sent["framesEncoded"]
    assert sent["framesEncoded"] > encoded["framesEncoded"]
    # AAC frames have 1024 samples, Opus packets 960, of 48,000 a second.
    assert sounds > 0.8 * RECEIVED_SECONDS * 48_000 / 1_024


def test_what_ffmpeg_produces_by_whip_srt_live_transmit_and_a_browser_receive_at_the_same_time(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    publish = [
        sys.executable,
        "-m",
        "tests.support.whip_publisher",
        f"{broker.url}/whip/cast",
        str(tmp_path),
        "60",
    ]
    transmit = [find_program("stdbuf"), "-o0", find_program("srt-live-transmit"), "-q", "-a:no"]
    with Program(publish, tmp_path, "publisher"), visitor(browser, broker.url) as page:
        broker.wait_until_live("cast")
        url = f"srt://{broker.srt}?streamid=cast&latency=120"
        with Program([*transmit, url, "file://con"], tmp_path, "transmit") as received:
            page.goto("/watch/cast")
            page.locator("#player[data-state=playing]").wait_for()
            wait_until(lambda: watches(page), "the browser plays", seconds=WITHIN_SECONDS)
            had_bytes, before_packets = received.output_bytes, lost_packets(page)
            before = statistics(page, "video")["framesDecoded"]
            wait_until(
                lambda: (
                    received.output_bytes > had_bytes + 100_000
                    and statistics(page, "video")["framesDecoded"] > before + FRAMES_PER_SECOND
                ),
                "both go on",
                seconds=WITHIN_SECONDS,
            )
            assert lost_packets(page) <= before_packets
    decoder = StreamDecoder()
    decoder.feed(received.output.read_bytes())
    assert decoder.errors == {}
    assert decoder.video_frames > FRAMES_PER_SECOND
    assert decoder.audio_frames > OPUS_PACKETS_PER_SECOND // 2
    assert re.findall(r"error|traceback", broker.log, re.IGNORECASE) == []


def test_a_channel_of_sound_alone_is_heard_and_the_page_waits_for_no_picture(
    browser: Browser, broker: WebBroker, tmp_path: Path
) -> None:
    command = [find_program("ffmpeg"), "-v", "warning", "-re", "-f", "lavfi", "-i", "sine=440", "-c:a", "aac"]
    command += ["-f", "mpegts", f"srt://{broker.srt}?streamid=publish:radio&latency=120000"]
    with Program(command, tmp_path, "ffmpeg"), visitor(browser, broker.url) as page:
        broker.wait_until_live("radio")
        page.goto("/watch/radio")
        page.locator("#player[data-state=playing]").wait_for()
        stream_id = "document.querySelector('video').srcObject.id"
        shown = page.evaluate(stream_id)
        # Longer than a page waits for a picture where there should be one, before it makes a new session.
        page.wait_for_timeout(8_000)
        assert page.locator("#player[data-state=playing]").count() == 1
        assert page.evaluate(stream_id) == shown
        energy = statistics(page, "audio")["totalAudioEnergy"]
        wait_until(
            lambda: statistics(page, "audio")["totalAudioEnergy"] > energy > 0, "sound", seconds=WITHIN_SECONDS
        )
