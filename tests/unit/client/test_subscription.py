"""Subscriptions with a fake broker (a listener of our own) and with the real one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from tests.support.loops import run, until
from tests.support.ports import free_udp_port, wait_for_datagram
from tests.support.streams import PacedStream

from headrace.base.errors import ChannelIdError
from headrace.client import subscription as module
from headrace.client.broker_address import BrokerAddress
from headrace.client.publisher import Publisher
from headrace.client.srt_listen import srt_listen
from headrace.client.srt_socket import SrtSocket
from headrace.client.subscription import PayloadSink, Subscription, SubscriptionState
from headrace.service.broker import Broker, BrokerConfig
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

HOST = "127.0.0.1"


class MemorySink:
    """Keeps what it gets; fails when it is told to."""

    def __init__(self, *, write_error: Exception | None = None, close_error: Exception | None = None) -> None:
        self.payloads: list[bytes] = []
        self.closed = 0
        self._write_error = write_error
        self._close_error = close_error

    def write(self, payloads: Sequence[bytes]) -> None:
        if self._write_error is not None:
            raise self._write_error
        self.payloads += payloads

    def close(self) -> None:
        self.closed += 1
        if self._close_error is not None:
            raise self._close_error


def subscription_to(port: int, *sinks: PayloadSink) -> Subscription:
    return Subscription(BrokerAddress(HOST, port), "1AAA99", latency_ms=20, sinks=sinks)


@contextlib.asynccontextmanager
async def running(work: Subscription | Publisher) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def producing(broker: Broker) -> contextlib.AbstractAsyncContextManager["asyncio.Task[None]"]:
    return running(Publisher(BrokerAddress(HOST, broker.port), "1AAA99", PacedStream(), latency_ms=20))


async def send_and_close(connection: SrtSocket, payloads: Sequence[bytes]) -> None:
    await connection.send(*payloads)
    await connection.close()


def test_a_channel_id_is_checked_at_once() -> None:
    with pytest.raises(ChannelIdError):
        Subscription(BrokerAddress(HOST, 8890), "a/b")


def test_every_sink_gets_everything_in_order_and_is_closed_once() -> None:
    async def main() -> None:
        one, two = MemorySink(), MemorySink()
        payloads = [bytes([number]) * 10 for number in range(50)]
        async with await srt_listen(HOST, latency_ms=20) as server:
            subscription = subscription_to(server.port, one, two)
            async with running(subscription):
                accepted = await server.accept()
                assert accepted.stream_id == "#!::r=1AAA99,m=request"
                await accepted.send(*payloads)
                await until(lambda: len(two.payloads) == 50)
                figures = subscription.figures
                assert figures.state is SubscriptionState.LIVE
                assert (figures.received_packets, figures.received_payload_bytes) == (50, 500)
                assert (figures.lost_packets, figures.dropped_packets, figures.reconnects) == (0, 0, 0)
                assert figures.rtt_ms is not None
            assert one.payloads == two.payloads == payloads
            assert (one.closed, two.closed) == (1, 1)
            await until(lambda: accepted.close_reason == "peer_shutdown")
            assert subscription.figures.rtt_ms is None

    run(main)


def test_figures_accumulate_over_reconnects() -> None:
    async def main() -> None:
        sink = MemorySink()
        async with await srt_listen(HOST, latency_ms=20) as server:
            subscription = subscription_to(server.port, sink)
            async with running(subscription):
                await send_and_close(await server.accept(), [b"first"] * 5)
                await send_and_close(await server.accept(), [b"second"] * 7)
                await until(lambda: len(sink.payloads) == 12)
                figures = subscription.figures
                assert sink.payloads == [b"first"] * 5 + [b"second"] * 7
                assert figures.received_packets == 12
                assert figures.received_payload_bytes == 5 * 5 + 7 * 6
                assert figures.reconnects == 1

    run(main)


def test_it_waits_for_a_producer_and_goes_on_when_the_producer_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIVE_WITHIN_US", 200_000)

    async def main() -> None:
        async with Broker(BrokerConfig(HOST, 0)) as broker:
            subscription = subscription_to(broker.port)
            assert subscription.figures.state is SubscriptionState.CONNECTING

            def is_(state: SubscriptionState) -> Callable[[], bool]:
                return lambda: subscription.figures.state is state

            async with running(subscription):
                await until(is_(SubscriptionState.WAITING))
                assert subscription.figures.received_packets == 0
                for _ in range(2):
                    async with producing(broker):
                        await until(is_(SubscriptionState.LIVE))
                    await until(is_(SubscriptionState.WAITING))
                assert subscription.figures.reconnects == 0
                assert subscription.figures.lost_packets == 0

    run(main)


def test_it_reconnects_when_the_broker_restarts() -> None:
    async def main() -> None:
        sink = MemorySink()
        async with Broker(BrokerConfig(HOST, 0)) as broker:
            port = broker.port
            subscription = subscription_to(port, sink)
            task = asyncio.create_task(subscription.run())
            async with producing(broker):
                await until(lambda: len(sink.payloads) > 10)
        await until(lambda: subscription.figures.state is SubscriptionState.CONNECTING)
        before = len(sink.payloads)
        async with Broker(BrokerConfig(HOST, port)) as broker, producing(broker):
            await until(lambda: len(sink.payloads) > before + 10)
            assert subscription.figures.reconnects == 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert sink.closed == 1

    run(main)


def test_a_broker_that_is_not_there_yet_is_waited_for() -> None:
    async def main() -> None:
        port = free_udp_port()
        subscription = subscription_to(port)
        async with running(subscription):
            await wait_for_datagram(port)
            assert subscription.figures.state is SubscriptionState.CONNECTING
            async with await srt_listen(HOST, port) as server:
                await asyncio.wait_for(server.accept(), 5)
                await until(lambda: subscription.figures.state is SubscriptionState.WAITING)

    run(main)


def test_a_refusal_for_good_ends_it() -> None:
    async def main() -> None:
        sink = MemorySink()
        async with await srt_listen(HOST, admit=lambda *_: RejectReason.FORBIDDEN) as server:
            subscription = subscription_to(server.port, sink)
            with pytest.raises(ConnectionRejectedError) as caught:
                await asyncio.wait_for(subscription.run(), 5)
            assert caught.value.code == RejectReason.FORBIDDEN
            assert subscription.figures.state is SubscriptionState.REFUSED
            assert sink.closed == 1

    run(main)


def test_a_full_broker_is_asked_again() -> None:
    async def main() -> None:
        answers = iter([RejectReason.OVERLOAD, RejectReason.CLOSED, None])
        async with (
            await srt_listen(HOST, admit=lambda *_: next(answers)) as server,
            running(subscription_to(server.port)) as task,
        ):
            await asyncio.wait_for(server.accept(), 5)
            assert not task.done()

    run(main)


@pytest.mark.parametrize("error", [OSError("no space"), ValueError("no space")])
def test_a_sink_that_cannot_write_ends_it_and_closes_the_others(error: Exception) -> None:
    async def main() -> None:
        failing, other = MemorySink(write_error=error), MemorySink()
        async with await srt_listen(HOST, latency_ms=20) as server:
            subscription = subscription_to(server.port, failing, other)
            async with running(subscription) as task:
                accepted = await server.accept()
                await accepted.send(b"x")
                with pytest.raises(type(error), match="no space"):
                    await asyncio.wait_for(task, 5)
            assert (failing.closed, other.closed) == (1, 1)
            await until(lambda: accepted.close_reason == "peer_shutdown")

    run(main)


def test_a_sink_that_cannot_close_does_not_keep_the_others_open() -> None:
    async def main() -> None:
        sinks = [MemorySink(), MemorySink(close_error=OSError("no space")), MemorySink()]
        async with await srt_listen(HOST) as server:
            subscription = subscription_to(server.port, *sinks)
            async with running(subscription) as task:
                await server.accept()
            assert isinstance(task.exception(), OSError)
            assert [sink.closed for sink in sinks] == [1, 1, 1]

    run(main)


def test_closing_closes_the_sinks_of_one_that_never_ran() -> None:
    async def main() -> None:
        sink = MemorySink()
        subscription = subscription_to(1, sink)
        await subscription.close()
        await subscription.close()
        assert sink.closed == 1

    run(main)


def test_an_encrypted_channel_is_received_and_another_passphrase_refused_for_good() -> None:
    async def main() -> None:
        async with await srt_listen(HOST, latency_ms=20, passphrase="correct horse battery") as server:
            broker, sink = BrokerAddress(HOST, server.port), MemorySink()
            secret = {"passphrase": "correct horse battery", "key_length_bytes": 24}
            async with running(Subscription(broker, "1AAA99", latency_ms=20, sinks=[sink], **secret)):  # type: ignore[arg-type]
                accepted = await server.accept()
                assert accepted.key_length_bytes == 24
                await accepted.send(b"secret")
                await until(lambda: sink.payloads == [b"secret"])
            with pytest.raises(ConnectionRejectedError, match="the passphrase is wrong"):
                await Subscription(broker, "1AAA99", passphrase="another passphrase").run()

    run(main)


def test_a_passphrase_that_cannot_be_one_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="10 to 79 bytes"):
        Subscription(BrokerAddress(HOST, 8890), "1AAA99", passphrase="short")
