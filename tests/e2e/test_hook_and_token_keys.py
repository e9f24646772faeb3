"""A whole broker that asks another service, and one whose file of token keys is rotated, with our own client."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.access import PRIVATE
from tests.support.hook_server import HookServer
from tests.support.jwks_files import write_jwks

from headrace.access.ask import Verb
from headrace.access.directory import Directory, TokenKey
from headrace.access.tokens import sign_token
from headrace.client.srt_connect import srt_connect
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.netio.clock import unix_time_us
from headrace.service.admission_hook import HookConfig
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.token_key_file import TokenKeyFile
from headrace.srt.rejection import ConnectionRejectedError

LOOPBACK = "127.0.0.1"
SECRET = bytes(32)


async def refusal(broker: Broker, stream_id: str) -> int:
    with pytest.raises(ConnectionRejectedError) as error:
        await srt_connect(LOOPBACK, broker.port, stream_id=stream_id)
    return error.value.code


async def end(connection: SrtSocket) -> None:
    """Wait until the broker has ended a connection."""
    async with asyncio.timeout(20):
        with suppress(ConnectionEndedError):
            while True:
                await connection.receive()


def test_a_service_lets_in_whom_it_likes_and_hears_who_has_gone() -> None:
    async def main() -> None:
        async with HookServer() as server:
            async with Broker(BrokerConfig(LOOPBACK, 0, hook=HookConfig(server.url))) as broker:
                async with await srt_connect(LOOPBACK, broker.port, stream_id="publish:cam1:hunter2"):
                    assert broker.endpoint.producer_count == 1
                server.body = b'{"allow": false, "code": 2401, "why": "unpaid"}'
                assert await refusal(broker, "cam2") == 2401
                server.status = 500
                assert await refusal(broker, "cam3") == 2500
            events = [(message["event"], message["channel"]) for message in server.messages]
            assert events[0] == ("publish", "cam1")
            assert ("end", "cam1") in events
            assert ("subscribe", "cam2") in events
            assert broker.endpoint.hook_answers == {"allowed": 1, "2401": 1, "2500": 1}
            assert "hunter2" not in str(server.messages)

    asyncio.run(main())


def test_without_the_service_nobody_is_let_in() -> None:
    async def main() -> None:
        async with HookServer() as server:
            url = server.url
        async with Broker(BrokerConfig(LOOPBACK, 0, hook=HookConfig(url))) as broker:
            assert await refusal(broker, "cam1") == 2402

    asyncio.run(main())


def token(key_id: str) -> str:
    key = TokenKey("headrace", "headrace", key_id, "HS256", SECRET)
    expires_unix_s = unix_time_us() // 1_000_000 + 60
    return sign_token(key, SECRET, "private", Verb.REQUEST, expires_unix_s=expires_unix_s)


def test_keys_of_a_file_are_rotated_and_who_came_with_one_that_is_taken_away_is_let_go(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "keys.json"
        write_jwks(path, "old", secret=SECRET)
        async with Broker(BrokerConfig(LOOPBACK, 0, token_keys=TokenKeyFile(path))) as broker:
            await broker.use_directory(Directory.of(1, [PRIVATE]))
            old, new = (f"request:private:{token(key_id)}" for key_id in ("old", "new"))
            assert await refusal(broker, new) == 2401
            async with await srt_connect(LOOPBACK, broker.port, stream_id=old) as watching:
                write_jwks(path, "new", secret=SECRET)
                started = asyncio.get_running_loop().time()
                await end(watching)
                assert asyncio.get_running_loop().time() - started < 5
            assert broker.endpoint.ended_rights == {"token_key_removed": 1}
            assert await refusal(broker, old) == 2401
            async with await srt_connect(LOOPBACK, broker.port, stream_id=new):
                assert broker.endpoint.table.count == 1

    asyncio.run(main())
