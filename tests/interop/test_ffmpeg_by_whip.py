"""FFmpeg's own WHIP muxer, inside PyAV, produces; SRT and WebRTC receive."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.support.loops import until
from tests.support.rtc_clients import HOST, broker_for_browsers, watching

from headrace.client.srt_connect import srt_connect
from headrace.remux.access_unit import Codec
from headrace.remux.ts_to_units import TsToUnits

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


def test_what_ffmpeg_sends_by_whip_arrives_over_srt_and_in_a_browser_s_manner(tmp_path: Path) -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            url = f"http://{HOST}:{broker.http_port}/whip/A"
            arguments = ("-m", "tests.support.whip_publisher", url, str(tmp_path), "60")
            publisher = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
            await until(lambda: "A" in broker.endpoint.hub.channels, seconds=40)
            socket = await srt_connect(HOST, broker.port, stream_id="A")
            seen = {Codec.H264: 0, Codec.AAC: 0, Codec.OPUS: 0}
            to_units = TsToUnits()
            async with watching(broker, "A") as watcher, asyncio.timeout(40):
                while min(seen.values()) < 50 or min(watcher.frames.values()) < 50:
                    for unit in to_units.feed(await socket.receive()):
                        seen[unit.codec] += 1
            await socket.close()
            publisher.terminate()
            assert await publisher.wait() == 0
            await until(lambda: broker.endpoint.producer_count == 0)
            assert to_units.drops == {}

    asyncio.run(test())
