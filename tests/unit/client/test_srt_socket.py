"""Open connections, both ends real, on the loopback interface."""

import asyncio

import pytest
from tests.support.loops import run, until
from tests.support.srt_pairs import Pair, connected

from headrace.base.errors import LocalProtocolError
from headrace.base.sockaddr import decode_sockaddr
from headrace.client import srt_socket
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.netio.clock import now_us


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(count)]


async def receive_count(connection: SrtSocket, count: int) -> list[bytes]:
    async with asyncio.timeout(8):
        return [await connection.receive() for _ in range(count)]


def silence(pair: Pair) -> None:
    """Let the listener vanish without a word."""
    pair.server._port.close()


def test_payloads_go_both_ways_in_order() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.caller.send(*numbered(50))
            await pair.accepted.send(b"one")
            await pair.accepted.send(b"two")
            assert await receive_count(pair.accepted, 50) == numbered(50)
            assert await receive_count(pair.caller, 2) == [b"one", b"two"]

    run(main)


def test_a_socket_knows_its_peer_and_what_was_asked_for() -> None:
    async def main() -> None:
        async with connected(stream_id="#!::r=cam,m=request") as pair:
            assert pair.caller.stream_id == pair.accepted.stream_id == "#!::r=cam,m=request"
            assert pair.caller.peer == f"127.0.0.1:{pair.server.port}"
            assert decode_sockaddr(pair.accepted.address)[0] == "127.0.0.1"
            await pair.caller.send(b"x")
            assert await pair.accepted.receive() == b"x"
            assert pair.caller.statistics.sender.sent_packets == 1
            assert pair.accepted.statistics.receiver.unique_packets == 1
            assert pair.caller.connection.close_reason is None

    run(main)


def test_a_payload_is_not_delivered_before_its_time() -> None:
    async def main() -> None:
        async with connected(latency_ms=150) as pair:
            sent_us = now_us()
            await pair.caller.send(b"x")
            assert await pair.accepted.receive() == b"x"
            assert now_us() - sent_us >= 149_000

    run(main)


def test_receive_all_returns_everything_whose_time_has_come() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.caller.send(*numbered(30))
            await until(lambda: len(pair.accepted._unread) == 30)
            assert await pair.accepted.receive_all() == numbered(30)

    run(main)


def test_two_who_wait_for_a_payload_get_one_each() -> None:
    async def main() -> None:
        async with connected() as pair, asyncio.TaskGroup() as group:
            waiting = [group.create_task(pair.accepted.receive()) for _ in range(2)]
            await asyncio.sleep(0)
            await pair.caller.send(b"a", b"b")
            assert sorted([await task for task in waiting]) == [b"a", b"b"]

    run(main)


def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    async def main() -> None:
        async with connected() as pair:
            task = asyncio.create_task(pair.accepted.receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await pair.caller.send(b"x")
            assert await receive_count(pair.accepted, 1) == [b"x"]

    run(main)


async def leave_early(leaving: SrtSocket) -> None:
    """Go when everything has arrived, which is before it is delivered."""
    await leaving.drain()
    leaving.abort()


def test_closing_waits_until_the_peer_has_delivered_everything() -> None:
    async def main() -> None:
        async with connected(latency_ms=400) as pair:
            sent_us = now_us()
            await pair.accepted.send(*numbered(20))
            receiving = asyncio.create_task(receive_count(pair.caller, 20))
            await pair.accepted.close()
            # A peer whose clock begins late, as it read the handshake late, delivers late.
            assert now_us() - sent_us > 650_000
            assert pair.caller.connection.receiver.buffered_packets == 0
            assert await receiving == numbered(20)

    run(main)


def test_what_a_peer_sent_before_it_left_is_still_delivered_in_time() -> None:
    async def main() -> None:
        async with connected(latency_ms=400) as pair:
            sent_us = now_us()
            await pair.accepted.send(*numbered(20))
            await leave_early(pair.accepted)
            await until(lambda: pair.caller.close_reason == "peer_shutdown")
            assert pair.caller.connection.receiver.buffered_packets == 20
            assert await receive_count(pair.caller, 20) == numbered(20)
            assert now_us() - sent_us >= 399_000
            with pytest.raises(ConnectionEndedError, match="the peer closed it") as caught:
                await pair.caller.receive()
            assert caught.value.reason == "peer_shutdown"

    run(main)


def test_aborting_gives_up_what_still_waits_for_its_delivery_time() -> None:
    async def main() -> None:
        async with connected(latency_ms=60_000) as pair:
            await pair.accepted.send(b"x")
            await leave_early(pair.accepted)
            await until(lambda: pair.caller.close_reason == "peer_shutdown")
            pair.caller.abort()
            with pytest.raises(ConnectionEndedError):
                await pair.caller.receive()

    run(main)  # which waits for the caller's socket to be gone


def test_who_waits_on_a_listener_that_closes_is_told_although_something_waits_for_its_time() -> None:
    async def main() -> None:
        async with connected(latency_ms=60_000) as pair:
            await pair.caller.send(b"x")
            await leave_early(pair.caller)
            await until(lambda: pair.accepted.close_reason == "peer_shutdown")
            waiting = asyncio.create_task(pair.accepted.receive())
            await asyncio.sleep(0)
            await pair.server.close()
            with pytest.raises(ConnectionEndedError):
                await asyncio.wait_for(waiting, 5)

    run(main)


def test_silence_ends_a_connection() -> None:
    async def main() -> None:
        async with connected(peer_timeout_seconds=0.2) as pair:
            silence(pair)
            with pytest.raises(ConnectionEndedError, match="the peer fell silent") as caught:
                await asyncio.wait_for(pair.caller.receive(), 5)
            assert caught.value.reason == pair.caller.close_reason == "timeout"

    run(main)


def test_what_came_before_the_silence_is_still_delivered() -> None:
    async def main() -> None:
        async with connected(latency_ms=400, peer_timeout_seconds=0.2) as pair:
            await pair.accepted.send(*numbered(3))
            await until(lambda: pair.caller.connection.receiver.buffered_packets == 3)
            silence(pair)
            await until(lambda: pair.caller.close_reason == "timeout")
            assert await receive_count(pair.caller, 3) == numbered(3)

    run(main)


def test_iteration_gives_every_payload_and_ends_with_the_connection() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.accepted.send(*numbered(10))
            await pair.accepted.close()
            async with asyncio.timeout(5):
                assert [payload async for payload in pair.caller] == numbered(10)

    run(main)


async def fail_at_the_first(connection: SrtSocket) -> None:
    async for _ in connection:
        raise ZeroDivisionError


def test_an_exception_in_the_middle_of_iteration_leaves_the_connection_usable() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.accepted.send(b"a", b"b")
            with pytest.raises(ZeroDivisionError):
                await fail_at_the_first(pair.caller)
            assert await receive_count(pair.caller, 1) == [b"b"]

    run(main)


async def send_and_fail(connection: SrtSocket) -> None:
    async with connection:
        await connection.send(b"x")
        raise ZeroDivisionError


def test_an_exception_in_its_block_ends_the_connection_without_lingering() -> None:
    async def main() -> None:
        async with connected() as pair:
            with pytest.raises(ZeroDivisionError):
                await send_and_fail(pair.caller)
            assert pair.caller.close_reason == "closed"
            assert pair.caller.unacknowledged_packets == 1
            await until(lambda: pair.accepted.close_reason == "peer_shutdown")

    run(main)


def test_leaving_its_block_lingers_until_everything_is_acknowledged() -> None:
    async def main() -> None:
        async with connected() as pair:
            async with pair.caller:
                await pair.caller.send(*numbered(500))
            assert pair.caller.unacknowledged_packets == 0
            assert await receive_count(pair.accepted, 500) == numbered(500)

    run(main)


def test_closing_waits_no_longer_than_it_is_told() -> None:
    async def main() -> None:
        async with connected() as pair:
            silence(pair)
            await pair.caller.send(b"x")
            async with asyncio.timeout(0.9):
                await pair.caller.close(linger_seconds=0.05)
            assert pair.caller.unacknowledged_packets == 1

    run(main)


def test_a_close_that_is_cancelled_ends_the_connection() -> None:
    async def main() -> None:
        async with connected() as pair:
            silence(pair)
            await pair.caller.send(b"x")
            closing = asyncio.create_task(pair.caller.close(linger_seconds=60))
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            assert pair.caller.close_reason == "closed"

    run(main)


def test_drain_returns_when_the_peer_has_everything() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.caller.send(*numbered(100))
            await asyncio.wait_for(pair.caller.drain(), 5)
            assert pair.caller.unacknowledged_packets == 0
            assert pair.accepted.statistics.receiver.unique_packets == 100

    run(main)


def test_a_closed_connection_neither_sends_nor_receives() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.caller.close()
            await pair.caller.close()
            for use in pair.caller.send(b"x"), pair.caller.receive(), pair.caller.receive_all():
                with pytest.raises(ConnectionEndedError, match="closed on this side") as caught:
                    await use
                assert caught.value.reason == "closed"
            with pytest.raises(ConnectionEndedError):
                pair.caller.send_now(b"x")
            await pair.caller.drain()
            assert [payload async for payload in pair.caller] == []

    run(main)


def test_what_had_been_delivered_can_be_read_after_closing() -> None:
    async def main() -> None:
        async with connected() as pair:
            await pair.accepted.send(b"x")
            await until(lambda: len(pair.caller._unread) == 1)
            await pair.caller.close()
            assert await pair.caller.receive() == b"x"

    run(main)


@pytest.mark.parametrize("wrong", [b"", bytes(1457)])
def test_payloads_before_a_wrong_one_are_sent_at_once(wrong: bytes) -> None:
    async def main() -> None:
        async with connected() as pair:
            with pytest.raises(LocalProtocolError, match="1 to 1456 bytes"):
                await pair.caller.send(b"good", wrong)
            assert pair.caller.connection.poll_datagrams() == []
            assert await receive_count(pair.accepted, 1) == [b"good"]

    run(main)


def test_send_waits_while_too_many_are_unacknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srt_socket, "MAX_UNACKNOWLEDGED_PACKETS", 4)

    async def main() -> None:
        async with connected() as pair:
            # None of these lets the loop turn, in which an acknowledgement could come.
            for payload in numbered(4):
                await pair.caller.send(payload)
            assert pair.caller.unacknowledged_packets == 4
            fifth = asyncio.create_task(pair.caller.send(b"five"))
            await asyncio.sleep(0)
            assert not fifth.done()
            await asyncio.wait_for(fifth, 5)
            assert pair.caller.unacknowledged_packets < 4 + 1
            assert await receive_count(pair.accepted, 5) == [*numbered(4), b"five"]

    run(main)


def test_a_send_that_waits_is_told_when_the_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srt_socket, "MAX_UNACKNOWLEDGED_PACKETS", 1)

    async def main() -> None:
        async with connected(peer_timeout_seconds=0.2) as pair:
            silence(pair)
            await pair.caller.send(b"x")
            with pytest.raises(ConnectionEndedError):
                await asyncio.wait_for(pair.caller.send(b"y"), 5)

    run(main)


def test_who_reads_slowly_shrinks_the_senders_window_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srt_socket, "MAX_UNREAD_PACKETS", 16)
    window_packets = 512

    async def main() -> None:
        async with connected(flow_window_packets=window_packets) as pair:
            receiver = pair.accepted.connection.receiver
            await pair.caller.send(*numbered(16))
            await until(lambda: len(pair.accepted._unread) == 16)
            await pair.caller.send(*numbered(300)[16:])
            await asyncio.wait_for(pair.caller.drain(), 5)
            assert len(pair.accepted._unread) == 16
            assert receiver.available_packets == pair.caller.connection.sender._window == window_packets - 284
            assert await receive_count(pair.accepted, 300) == numbered(300)
            await until(lambda: receiver.available_packets == window_packets)
            assert pair.caller.statistics.sender.dropped_packets == receiver.statistics.dropped_packets == 0

    run(main)


def test_who_does_not_read_at_all_holds_a_bounded_number_of_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srt_socket, "MAX_UNREAD_PACKETS", 16)
    window_packets = 64

    async def main() -> None:
        async with connected(flow_window_packets=window_packets) as pair:
            receiver = pair.accepted.connection.receiver
            await pair.caller.send(*numbered(300))
            await until(lambda: len(pair.accepted._unread) >= 16 and receiver.buffered_packets >= window_packets)
            await until(lambda: pair.caller.connection.sender._window == 2)
            assert len(pair.accepted._unread) < 16 + window_packets
            assert receiver.buffered_packets == window_packets
            assert pair.caller.unacknowledged_packets >= 300 - 16 - 2 * window_packets
            # What is on its way while nothing is free may be too late when it comes again, and no more than that.
            got = [int.from_bytes(payload, "big") for payload in await receive_count(pair.accepted, 298)]
            assert got == sorted(set(got))
            assert got[-1] >= 297

    run(main)


def test_reading_much_at_once_drives_the_connection_only_when_room_appears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(srt_socket, "MAX_UNREAD_PACKETS", 16)

    async def main() -> None:
        async with connected() as pair:
            await pair.caller.send(*numbered(400))
            await until(lambda: pair.accepted.connection.receiver.highest_index >= 0)
            await until(lambda: len(pair.accepted._unread) >= 16)
            await asyncio.wait_for(pair.caller.drain(), 5)
            settled: list[int] = []
            settle = pair.accepted._settle

            def settle_and_note(socket_id: int) -> None:
                settled.append(socket_id)
                settle(socket_id)

            monkeypatch.setattr(pair.accepted, "_settle", settle_and_note)
            got = 0
            while got < 400:
                got += len(await asyncio.wait_for(pair.accepted.receive_all(), 5))
            assert 1 <= len(settled) < 40

    run(main)
