"""A publisher with a fake broker (a listener of our own) and with the real one."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from tests.support.loops import run, until
from tests.support.ports import free_udp_port, wait_for_datagram
from tests.support.streams import PacedStream

from headrace.base.errors import ChannelIdError, LocalProtocolError
from headrace.client import publisher as module
from headrace.client.broker_address import BrokerAddress
from headrace.client.publisher import Publisher
from headrace.client.srt_connect import srt_connect
from headrace.client.srt_listen import SrtServer, srt_listen
from headrace.client.srt_socket import SrtSocket
from headrace.media.errors import MediaError
from headrace.service.broker import Broker, BrokerConfig
from headrace.srt import listener
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

HOST = "127.0.0.1"


def publisher_to(port: int, stream: module.TransportStreamSource) -> Publisher:
    return Publisher(BrokerAddress(HOST, port), "1AAA99", stream, latency_ms=20)


@contextlib.asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a publisher, and cancel it afterwards."""
    task = asyncio.create_task(publisher.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def count_bytes(connection: SrtSocket, wanted_bytes: int | None = None) -> int:
    """Receive so many bytes, or all there is."""
    count = 0
    async with asyncio.timeout(8):
        async for payload in connection:
            count += len(payload)
            if wanted_bytes is not None and count >= wanted_bytes:
                break
    return count


def test_a_channel_id_is_checked_at_once() -> None:
    with pytest.raises(ChannelIdError):
        Publisher(BrokerAddress(HOST, 8890), "../etc", PacedStream())


def test_a_stream_is_sent_whole_and_then_the_connection_is_closed() -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=2_000) as server:
            stream = PacedStream(20)
            publisher = publisher_to(server.port, stream)
            async with running(publisher) as task:
                accepted = await server.accept()
                assert accepted.stream_id == "#!::r=1AAA99,m=publish"
                assert await count_bytes(accepted) == stream.made_bytes > 60_000
                assert accepted.close_reason == "peer_shutdown"
                await asyncio.wait_for(task, 5)
            figures = publisher.figures
            assert (figures.is_connected, figures.reconnects, figures.dropped_packets) == (False, 0, 0)
            assert figures.sent_payload_bytes >= stream.made_bytes
            assert figures.rtt_ms is None

    run(main)


def test_figures_tell_how_it_goes_meanwhile() -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20) as server:
            publisher = publisher_to(server.port, PacedStream())
            assert not publisher.figures.is_connected
            async with running(publisher):
                await count_bytes(await server.accept(), 20_000)
                figures = publisher.figures
                assert figures.is_connected
                assert figures.sent_packets > 10
                assert figures.rtt_ms is not None

    run(main)


def test_every_frame_leaves_at_once_in_payloads_of_whole_packets() -> None:
    async def main() -> None:
        async with (
            await srt_listen(HOST, latency_ms=20) as server,
            running(publisher_to(server.port, PacedStream(1))),
            asyncio.timeout(5),
        ):
            lengths = [len(payload) async for payload in await server.accept()]
            assert lengths[:-1] == [1316] * (len(lengths) - 1)
            assert lengths[-1] % 188 == 0

    run(main)


def test_cancelling_stops_the_stream_and_says_goodbye() -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20) as server:
            stream = PacedStream()
            async with running(publisher_to(server.port, stream)) as task:
                accepted = await server.accept()
                await count_bytes(accepted, 5_000)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert task.cancelled()
                assert stream.is_over
                await until(lambda: accepted.close_reason == "peer_shutdown")

    run(main)


@pytest.mark.parametrize("pictures", [0, 3])
def test_a_stream_that_fails_is_raised(pictures: int) -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20) as server:
            stream = PacedStream(pictures, error=MediaError("the camera was unplugged"))
            with pytest.raises(MediaError, match="unplugged"):
                await asyncio.wait_for(publisher_to(server.port, stream).run(), 5)
            await until(lambda: not server._open)

    run(main)


def test_no_broker_at_the_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_CONNECT_SECONDS", 0.6)

    async def main() -> None:
        stream = PacedStream()
        with pytest.raises(ConnectTimeoutError):
            await publisher_to(free_udp_port(), stream).run()
        assert stream.made_bytes == 0

    run(main)


def test_a_broker_that_is_a_little_late_is_waited_for() -> None:
    async def main() -> None:
        port = free_udp_port()
        async with running(publisher_to(port, PacedStream())) as task:
            await wait_for_datagram(port)
            async with await srt_listen(HOST, port) as server:
                await asyncio.wait_for(server.accept(), 5)
                assert not task.done()

    run(main)


def test_a_channel_that_is_taken_is_an_error_at_the_start() -> None:
    async def main() -> None:
        async with Broker(BrokerConfig(HOST, 0)) as broker, running(publisher_to(broker.port, PacedStream())):
            await until(lambda: "1AAA99" in broker.endpoint.hub.channels)
            second = publisher_to(broker.port, PacedStream())
            with pytest.raises(ConnectionRejectedError) as caught:
                await asyncio.wait_for(second.run(), 8)
            assert caught.value.code == RejectReason.CONFLICT

    run(main)


@contextlib.asynccontextmanager
async def reconnecting(
    answers: Sequence[int | None],
) -> AsyncIterator[tuple[Publisher, "asyncio.Task[None]", SrtServer]]:
    """A publisher whose broker has gone and come back, and then gives these answers to its calls."""
    asked = iter(answers)
    async with await srt_listen(HOST, latency_ms=20) as first:
        publisher = publisher_to(first.port, PacedStream())
        async with running(publisher) as task:
            await first.accept()
            await first.close()
            async with await srt_listen(HOST, first.port, admit=lambda *_: next(asked), latency_ms=20) as second:
                yield publisher, task, second


def test_a_channel_that_is_taken_later_is_asked_for_again() -> None:
    async def main() -> None:
        answers = [RejectReason.CONFLICT, RejectReason.OVERLOAD, None]
        async with reconnecting(answers) as (publisher, task, broker):
            accepted = await asyncio.wait_for(broker.accept(), 8)
            assert await count_bytes(accepted, 10_000) >= 10_000
            assert publisher.figures.reconnects == 1
            assert publisher.figures.dropped_packets > 0
            assert not task.done()

    run(main)


def test_it_says_that_another_producer_has_the_channel_until_it_has_it_again() -> None:
    answer: list[int | None] = [None]

    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20, admit=lambda *_: answer[0]) as server:
            publisher = publisher_to(server.port, PacedStream())
            async with running(publisher):
                accepted = await server.accept()
                assert not publisher.figures.has_rival
                answer[0] = RejectReason.CONFLICT
                accepted.abort()
                await until(lambda: publisher.figures.has_rival)
                assert not publisher.figures.is_connected
                answer[0] = None
                await until(lambda: publisher.figures.is_connected)
                assert not publisher.figures.has_rival

    run(main)


@pytest.mark.parametrize(
    ("wishes", "first", "later"),
    [
        ({}, "", ""),
        ({"takeover": True}, ",takeover=1", ""),
        ({"standby": True}, ",standby=1", ",standby=1"),
    ],
)
def test_a_takeover_is_asked_for_once_and_standing_by_each_time(
    wishes: dict[str, bool], first: str, later: str
) -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20) as server:
            publisher = Publisher(
                BrokerAddress(HOST, server.port),
                "1AAA99",
                PacedStream(),
                latency_ms=20,
                **wishes,
                credential="hrk_x",
                passphrase=None,
            )
            async with running(publisher):
                for wish in (first, later, later):
                    accepted = await asyncio.wait_for(server.accept(), 8)
                    assert accepted.stream_id == f"#!::r=1AAA99,m=publish{wish},k=hrk_x"
                    accepted.abort()

    run(main)


def test_nobody_takes_over_and_stands_by() -> None:
    with pytest.raises(ValueError, match="not both"):
        Publisher(BrokerAddress(HOST, 8890), "A", PacedStream(), takeover=True, standby=True)


def test_a_refusal_for_good_ends_the_publisher() -> None:
    async def main() -> None:
        async with reconnecting([RejectReason.FORBIDDEN]) as (publisher, task, _):
            with pytest.raises(ConnectionRejectedError) as caught:
                await asyncio.wait_for(task, 5)
            assert caught.value.code == RejectReason.FORBIDDEN
            assert not publisher.figures.is_connected

    run(main)


def test_a_broker_that_comes_back_has_the_channel_again() -> None:
    async def main() -> None:
        async with Broker(BrokerConfig(HOST, 0)) as broker:
            port = broker.port
            publisher = publisher_to(port, PacedStream())
            task = asyncio.create_task(publisher.run())
            await until(lambda: publisher.figures.sent_packets > 20)
        await until(lambda: not publisher.figures.is_connected)
        before = publisher.figures.sent_packets
        async with Broker(BrokerConfig(HOST, port)):
            await until(lambda: publisher.figures.reconnects == 1)
            async with await srt_connect(HOST, port, stream_id="1AAA99", latency_ms=20) as subscriber:
                assert await count_bytes(subscriber, 50_000) >= 50_000
            assert publisher.figures.sent_packets > before > 20
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(main)


def test_a_broker_that_takes_no_payload_of_1316_bytes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_MSS_BYTES", 1000)

    async def main() -> None:
        async with await srt_listen(HOST) as server:
            with pytest.raises(LocalProtocolError, match="1 to 956 bytes"):
                await asyncio.wait_for(publisher_to(server.port, PacedStream()).run(), 5)

    run(main)


class StubbornStream:
    """Gives one packet at once, the next when it is let, and knows no stop."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield bytes(188)
        self.gate.wait(20)
        yield bytes(188)

    def stop(self) -> None:
        pass


def test_a_stream_that_hangs_is_left_to_itself_and_fails_at_nothing_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    failures: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    stream = StubbornStream()

    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20) as server, running(publisher_to(server.port, stream)):
            await count_bytes(await server.accept(), 188)

    asyncio.run(main())
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "stream")
    stream.gate.set()
    thread.join(5)
    assert not thread.is_alive()
    assert failures == []


class GreedyStream:
    """As many packets as anybody takes."""

    def __init__(self) -> None:
        self.given = 0
        self._stopped = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._stopped:
            self.given += 1
            yield bytes(188)

    def stop(self) -> None:
        self._stopped = True


def test_a_stream_that_is_faster_than_the_event_loop_waits_for_it() -> None:
    stream = GreedyStream()

    async def main() -> None:
        publisher = publisher_to(1, stream)
        ended = asyncio.Event()
        thread = threading.Thread(target=publisher._read_stream, args=(asyncio.get_running_loop(), ended))
        thread.start()
        # The loop is held up here on purpose: nothing is taken meanwhile.
        ends_at = time.monotonic() + 8
        while stream.given <= module.MAX_WAITING_WRITES and time.monotonic() < ends_at:
            time.sleep(0.001)
        thread.join(0.05)
        assert stream.given == module.MAX_WAITING_WRITES + 1
        stream.stop()
        await asyncio.wait_for(ended.wait(), 5)
        thread.join(5)
        assert publisher.figures.dropped_packets == stream.given

    run(main)


def test_a_stream_is_sent_encrypted() -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20, passphrase="correct horse battery") as server:
            stream = PacedStream(20)
            publisher = Publisher(
                BrokerAddress(HOST, server.port),
                "1AAA99",
                stream,
                latency_ms=20,
                passphrase="correct horse battery",
                key_length_bytes=32,
            )
            async with running(publisher):
                accepted = await server.accept()
                assert accepted.key_length_bytes == 32
                assert await count_bytes(accepted) == stream.made_bytes

    run(main)


def test_a_passphrase_that_cannot_be_one_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="10 to 79 bytes"):
        Publisher(BrokerAddress(HOST, 8890), "1AAA99", PacedStream(), passphrase="short")
    with pytest.raises(ValueError, match="16, 24 and 32"):
        Publisher(BrokerAddress(HOST, 8890), "1AAA99", PacedStream(), key_length_bytes=20)
