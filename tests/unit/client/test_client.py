"""A client with a fake broker (a listener of our own) and with the real one."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from tests.support.loops import our_threads, run, until

from headrace.base.errors import ChannelIdError
from headrace.client.broker_address import BrokerAddress
from headrace.client.client import AlreadySubscribedError, Client, NotSubscribedError
from headrace.client.publisher import Publisher
from headrace.client.srt_listen import srt_listen
from headrace.client.subscription import PayloadSink, SubscriptionState
from headrace.media.ffmpeg_input import open_test_pattern
from headrace.media.live_stream import LiveStream
from headrace.service.broker import Broker, BrokerConfig
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

HOST = "127.0.0.1"


class CountingSink:
    """Counts what it gets; fails at a write or at closing when told to."""

    def __init__(self, *, write_error: Exception | None = None, close_error: Exception | None = None) -> None:
        self.written = 0
        self.closed = 0
        self._write_error = write_error
        self._close_error = close_error

    def write(self, payloads: Sequence[bytes]) -> None:
        self.written += len(payloads)
        if self._write_error is not None:
            raise self._write_error

    def close(self) -> None:
        self.closed += 1
        if self._close_error is not None:
            raise self._close_error


def client_of(port: int, *sinks: PayloadSink) -> Client:
    return Client(BrokerAddress(HOST, port), latency_ms=20, make_sinks=lambda _: sinks)


def test_a_token_goes_with_each_subscription() -> None:
    async def main() -> None:
        async with (
            await srt_listen(HOST, latency_ms=20) as server,
            Client(BrokerAddress(HOST, server.port), latency_ms=20, token="eyJ.a.b") as client,
        ):
            client.subscribe("cam")
            accepted = await asyncio.wait_for(server.accept(), 8)
            assert accepted.stream_id == "#!::r=cam,m=request,k=eyJ.a.b"

    run(main)


def test_a_client_shows_what_a_producer_sends_until_it_unsubscribes() -> None:
    async def main() -> None:
        sink = CountingSink()
        async with Broker(BrokerConfig(HOST, 0)) as broker:
            pattern = open_test_pattern(width=160, height=90, frame_rate=25)
            stream = LiveStream(pattern, title="Bridge", facts={"at": "sea"})
            producing = asyncio.create_task(Publisher(BrokerAddress(HOST, broker.port), "cam", stream).run())
            async with client_of(broker.port, sink) as client:
                client.subscribe("cam")
                client.subscribe("nobody")
                assert client.channel_ids == ["cam", "nobody"]
                await until(lambda: client.figures("cam").seen.video_frames >= 10)
                figures = await client.unsubscribe("cam")
                assert figures.received.state is SubscriptionState.LIVE
                assert client.channel_ids == ["nobody"]
                assert figures.received.received_packets >= figures.seen.video_frames >= 10
                assert (figures.seen.title, figures.seen.facts) == ("Bridge", {"at": "sea"})
                assert figures.seen.decode_errors == figures.received.dropped_packets == 0
                assert figures.seen.latency_p50_ms is not None
                assert (sink.written > 0, sink.closed) == (True, 1)
                assert client.figures("nobody").received.received_packets == 0
                assert client.failure("nobody") is None
                client.subscribe("cam")
                await until(lambda: client.figures("cam").received.state is SubscriptionState.LIVE)
            producing.cancel()
            await asyncio.gather(producing, return_exceptions=True)

    run(main)


def test_subscribing_twice_is_an_error_that_changes_nothing() -> None:
    async def main() -> None:
        sink = CountingSink()
        async with await srt_listen(HOST) as server, client_of(server.port, sink) as client:
            client.subscribe("cam")
            with pytest.raises(AlreadySubscribedError, match="already subscribed to cam"):
                client.subscribe("cam")
            assert client.channel_ids == ["cam"]
            assert our_threads() == ["viewer"]

    run(main)


def test_what_is_not_subscribed_cannot_be_asked_about() -> None:
    async def main() -> None:
        async with client_of(1) as client:
            with pytest.raises(NotSubscribedError, match="not subscribed to cam"):
                await client.unsubscribe("cam")
            with pytest.raises(NotSubscribedError):
                client.figures("cam")
            with pytest.raises(NotSubscribedError):
                client.failure("cam")

    run(main)


@pytest.mark.parametrize("channel_id", ["", "../x", "a b", "x" * 65, "é"])
def test_a_malformed_id_is_an_error_that_changes_nothing(channel_id: str) -> None:
    async def main() -> None:
        async with client_of(1) as client:
            with pytest.raises(ChannelIdError):
                client.subscribe(channel_id)
            with pytest.raises(ChannelIdError):
                await client.unsubscribe(channel_id)
            assert client.channel_ids == []

    run(main)


def test_sinks_that_cannot_be_made_leave_nothing_running() -> None:
    def fail(channel_id: str) -> Sequence[PayloadSink]:
        raise OSError(f"no folder for {channel_id}")

    async def main() -> None:
        async with Client(BrokerAddress(HOST, 1), make_sinks=fail) as client:
            with pytest.raises(OSError, match="no folder for cam"):
                client.subscribe("cam")
            assert client.channel_ids == []
            assert our_threads() == []

    run(main)


def test_outside_an_event_loop_nothing_is_started() -> None:
    with pytest.raises(RuntimeError):
        client_of(1).subscribe("cam")
    assert our_threads() == []
    assert threading.active_count() < 10


def test_a_sink_that_fails_ends_its_subscription_and_no_other() -> None:
    async def main() -> None:
        failing = CountingSink(write_error=ValueError("full"), close_error=OSError("still full"))
        sinks: dict[str, list[PayloadSink]] = {"bad": [failing], "good": []}
        async with (
            await srt_listen(HOST, latency_ms=20) as server,
            Client(BrokerAddress(HOST, server.port), make_sinks=sinks.__getitem__) as client,
        ):
            for channel_id in sinks:
                client.subscribe(channel_id)
                accepted = await server.accept()
                await accepted.send(b"x")
            await until(lambda: client.failure("bad") is not None)
            await until(lambda: client.figures("good").received.received_packets == 1)
            assert client.failure("good") is None
            assert client.channel_ids == ["bad", "good"]
            await client.unsubscribe("bad")
            assert failing.closed == 1

    run(main)


def test_unsubscribing_at_once_still_closes_the_sinks() -> None:
    async def main() -> None:
        sink = CountingSink()
        async with client_of(1, sink) as client:
            client.subscribe("cam")
            figures = await client.unsubscribe("cam")
            assert figures.received.received_packets == 0
            assert sink.closed == 1
            assert our_threads() == []

    run(main)


def test_leaving_its_block_ends_all_subscriptions() -> None:
    async def main() -> None:
        sinks = [CountingSink(close_error=OSError("full")), CountingSink()]
        async with await srt_listen(HOST) as server:
            async with client_of(server.port, *sinks) as client:
                client.subscribe("a")
                client.subscribe("b")
                accepted = [await server.accept(), await server.accept()]
            assert client.channel_ids == []
            assert [sink.closed for sink in sinks] == [2, 2]
            await until(lambda: all(one.close_reason == "peer_shutdown" for one in accepted))

    run(main)


def test_a_refusal_for_good_is_its_failure() -> None:
    async def main() -> None:
        async with (
            await srt_listen(HOST, admit=lambda *_: RejectReason.UNAUTHORIZED) as server,
            client_of(server.port) as client,
        ):
            client.subscribe("cam")
            await until(lambda: client.failure("cam") is not None)
            assert isinstance(client.failure("cam"), ConnectionRejectedError)
            figures = await client.unsubscribe("cam")
            assert figures.received.state is SubscriptionState.REFUSED

    run(main)


def test_every_subscription_has_the_client_s_passphrase() -> None:
    async def main() -> None:
        async with (
            await srt_listen(HOST, latency_ms=20, passphrase="correct horse battery") as server,
            Client(
                BrokerAddress(HOST, server.port), passphrase="correct horse battery", key_length_bytes=32
            ) as client,
        ):
            for channel_id in ("one", "two"):
                client.subscribe(channel_id)
                assert (await server.accept()).key_length_bytes == 32

    run(main)


def test_a_passphrase_that_cannot_be_one_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="10 to 79 bytes"):
        Client(BrokerAddress(HOST, 8890), passphrase="short")
