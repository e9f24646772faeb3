"""Publishes a test pattern to a broker and watches it.

Start ``headrace serve --open`` first, then run ``python examples/publish_and_subscribe.py [HOST PORT]``
"""

import asyncio
import sys

from headrace.client.broker_address import BrokerAddress
from headrace.client.client import Client
from headrace.client.publisher import Publisher
from headrace.media.ffmpeg_input import open_test_pattern
from headrace.media.live_stream import LiveStream

CHANNEL_ID = "example"


async def watch(broker: BrokerAddress, seconds: int) -> None:
    """Subscribe, print figures every second, and unsubscribe."""
    async with Client(broker) as client:
        client.subscribe(CHANNEL_ID)
        for _ in range(seconds):
            await asyncio.sleep(1)
            received, seen = client.figures(CHANNEL_ID)
            print(f"{received.state.value}: {received.received_packets} packets, {seen.video_frames} pictures")
        _, seen = await client.unsubscribe(CHANNEL_ID)
        print(f"{seen.title}: {seen.latency_p50_ms} ms from capture to decoding (median)")


async def main(host: str = "127.0.0.1", port: str = "8890") -> None:
    """Publish while watching."""
    broker = BrokerAddress(host, int(port))
    stream = LiveStream(open_test_pattern(width=320, height=180), title="Test pattern")
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(Publisher(broker, CHANNEL_ID, stream).run())
        await watch(broker, seconds=3)
        publishing.cancel()


asyncio.run(main(*sys.argv[1:3]))
