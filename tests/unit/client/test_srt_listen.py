"""A listening port with real callers."""

import asyncio
from typing import Any

import pytest
from tests.support.answers import open_answers
from tests.support.loops import run, until

from headrace.client import srt_listen as module
from headrace.client.srt_connect import srt_connect
from headrace.client.srt_listen import SrtServer, srt_listen
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.rejection import ConnectionRejectedError, RejectReason


async def call(server: SrtServer, stream_id: str = "") -> SrtSocket:
    return await srt_connect("127.0.0.1", server.port, stream_id=stream_id, latency_ms=20)


async def refusal_of(server: SrtServer, stream_id: str = "") -> int:
    with pytest.raises(ConnectionRejectedError) as caught:
        await call(server, stream_id)
    return caught.value.code


def test_many_connections_share_one_port() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1", latency_ms=20) as server:
            callers = await asyncio.gather(*(call(server, f"caller {number}") for number in range(40)))
            accepted = [await server.accept() for _ in callers]
            assert sorted(one.stream_id for one in accepted) == sorted(one.stream_id for one in callers)
            for caller in callers:
                await caller.send(caller.stream_id.encode())
            async with asyncio.timeout(8):
                assert all([await one.receive() == one.stream_id.encode() for one in accepted])
            await asyncio.gather(*(caller.close() for caller in callers))
            await until(lambda: len(server._port) == len(server._open) == open_answers(server._listener) == 0)

    run(main)


def test_connections_come_in_the_order_of_their_calls() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1") as server, await call(server, "a"), await call(server, "b"):
            got: list[str] = []
            async for accepted in server:
                got.append(accepted.stream_id)
                if len(got) == 2:
                    break
            assert got == ["a", "b"]

    run(main)


def test_callers_beyond_the_backlog_are_refused_until_one_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_CONNECTIONS", 2)

    async def main() -> None:
        async with await srt_listen("127.0.0.1") as server, await call(server, "a"), await call(server, "b"):
            assert await refusal_of(server) == RejectReason.BACKLOG
            await server.accept()
            async with await call(server, "c"):
                assert (await server.accept()).stream_id == "b"

    run(main)


def test_admit_decides_by_stream_id_and_address() -> None:
    asked: list[tuple[str, str]] = []

    def admit(stream_id: str, peer: str) -> int | None:
        asked.append((stream_id, peer))
        return {"open": None, "secret": RejectReason.FORBIDDEN}.get(stream_id, 3007)

    async def main() -> None:
        async with await srt_listen("127.0.0.1", admit=admit) as server:
            assert await refusal_of(server, "secret") == RejectReason.FORBIDDEN
            assert await refusal_of(server, "other") == 3007
            async with await call(server, "open") as caller:
                assert (await server.accept()).stream_id == caller.stream_id == "open"
        assert [stream_id for stream_id, _ in asked] == ["secret", "other", "open"]
        assert all(peer.startswith("127.0.0.1:") for _, peer in asked)

    run(main)


@pytest.mark.parametrize("answer", [404, 0, -1, 1 << 31, ZeroDivisionError("a bug")])
def test_an_admit_that_fails_refuses_its_caller_and_disturbs_nobody(answer: int | Exception) -> None:
    def admit(stream_id: str, peer: str) -> int | None:
        if stream_id == "good":
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def main() -> None:
        loop = asyncio.get_running_loop()
        reported: list[dict[str, Any]] = []
        handler = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: reported.append(context))
        async with await srt_listen("127.0.0.1", admit=admit) as server, await call(server, "good") as caller:
            accepted = await server.accept()
            assert await refusal_of(server, "bad") == RejectReason.INTERNAL_SERVER_ERROR
            await caller.send(b"still there")
            assert await accepted.receive() == b"still there"
        loop.set_exception_handler(handler)
        assert len(reported) == 1
        assert isinstance(reported[0]["exception"], type(answer) if isinstance(answer, Exception) else ValueError)
        assert "admit failed" in reported[0]["message"]

    run(main)


def test_closing_ends_the_connections_accepted_or_not() -> None:
    async def main() -> None:
        server = await srt_listen("127.0.0.1")
        first, second = await call(server), await call(server)
        accepted, port = await server.accept(), server.port
        await server.close()
        await server.close()
        assert server.port == port
        with pytest.raises(ConnectionEndedError):
            await accepted.receive()
        await until(lambda: first.close_reason == second.close_reason == "peer_shutdown")

    run(main)


def test_closing_wakes_all_who_wait_for_a_connection() -> None:
    async def main() -> None:
        server = await srt_listen("127.0.0.1")
        waiting = [asyncio.create_task(server.accept()) for _ in range(2)]

        async def iterate() -> int:
            return len([accepted async for accepted in server])

        iterating = asyncio.create_task(iterate())
        await asyncio.sleep(0)
        await server.close()
        async with asyncio.timeout(5):
            for task in waiting:
                with pytest.raises(ConnectionEndedError):
                    await task
            assert await iterating == 0
            with pytest.raises(ConnectionEndedError):
                await server.accept()

    run(main)


def test_a_port_that_is_taken_is_an_os_error() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1") as server:
            with pytest.raises(OSError, match="in use"):
                await srt_listen("127.0.0.1", server.port)

    run(main)


@pytest.mark.parametrize("latency_ms", [-1, 65_536])
def test_a_latency_that_does_not_fit_the_handshake_is_a_mistake_of_the_program(latency_ms: int) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=f"{latency_ms} ms"):
            await srt_listen("127.0.0.1", latency_ms=latency_ms)

    run(main)


def test_what_a_caller_sends_with_its_last_handshake_is_not_lost() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1", latency_ms=20) as server, await call(server) as caller:
            caller.send_now(b"at once")
            accepted = await server.accept()
            assert await asyncio.wait_for(accepted.receive(), 5) == b"at once"

    run(main)


PASSPHRASE = "correct horse battery"
SOON = KeyRefresh(period_packets=40, announce_packets=20)


@pytest.mark.parametrize("key_length_bytes", [16, 24, 32])
def test_both_directions_are_encrypted_and_keys_change_while_it_streams(key_length_bytes: int) -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1", latency_ms=20, passphrase=PASSPHRASE, key_refresh=SOON) as server:
            caller = await srt_connect(
                "127.0.0.1",
                server.port,
                latency_ms=20,
                passphrase=PASSPHRASE,
                key_length_bytes=key_length_bytes,
                key_refresh=SOON,
            )
            accepted = await server.accept()
            assert caller.key_length_bytes == accepted.key_length_bytes == key_length_bytes
            sent = [b"%d" % number for number in range(100)]
            for payload in sent:
                await caller.send(payload)
                await accepted.send(payload)
                await asyncio.sleep(0.003)
            async with asyncio.timeout(8):
                assert [await accepted.receive() for _ in sent] == sent
                assert [await caller.receive() for _ in sent] == sent
            for one in (caller, accepted):
                assert one.connection.sealing is not None
                assert one.connection.opening is not None
                assert one.connection.sealing.key != one.connection.parameters.keys.even  # type: ignore[union-attr]
                assert not one.statistics.ignored_packets
            await caller.close()

    run(main)


@pytest.mark.parametrize(
    ("ours", "theirs", "code"),
    [
        (PASSPHRASE, "another passphrase", RejectReason.BAD_SECRET),
        (PASSPHRASE, None, RejectReason.UNSECURE),
        (None, PASSPHRASE, RejectReason.UNSECURE),
    ],
)
def test_a_wrong_and_a_missing_passphrase_are_refused(ours: str | None, theirs: str | None, code: int) -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1", passphrase=ours) as server:
            with pytest.raises(ConnectionRejectedError) as caught:
                await srt_connect("127.0.0.1", server.port, passphrase=theirs)
            assert caught.value.code == code
            assert not server._open

    run(main)


def test_each_stream_id_may_have_a_passphrase_of_its_own() -> None:
    passphrases = {"a": "passphrase of a", "b": "passphrase of b", "broken": "short"}

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with await srt_listen("127.0.0.1", passphrase=passphrases.get) as server:
            for stream_id, passphrase in [*passphrases.items(), ("open", None)]:
                if stream_id != "broken":
                    caller = await srt_connect(
                        "127.0.0.1", server.port, stream_id=stream_id, passphrase=passphrase
                    )
                    assert caller.key_length_bytes == (16 if passphrase else None)
                    caller.abort()
            assert await refusal_of(server, "broken") == RejectReason.INTERNAL_SERVER_ERROR
        assert "short" not in str([report["exception"] for report in reports])

    reports: list[dict[str, Any]] = []
    run(main)
    assert [report["message"] for report in reports] == ["passphrase failed; the caller was refused"]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"passphrase": "short"}, "10 to 79 bytes"), ({"key_length_bytes": 20}, "16, 24 and 32")],
)
def test_what_nobody_can_be_encrypted_with_is_an_error_at_once(options: dict[str, Any], words: str) -> None:
    async def listen() -> None:
        with pytest.raises(ValueError, match=words):
            await srt_listen("127.0.0.1", **options)
        with pytest.raises(ValueError, match=words):
            await srt_connect("127.0.0.1", 9, **options)

    run(listen)
