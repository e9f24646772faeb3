"""An SRT listener that sends everything back, and a caller that asks it.

Run it: ``python examples/srt_echo.py``
"""

import asyncio

from headrace import ConnectionRejectedError, RejectReason, SrtServer, SrtSocket, srt_connect, srt_listen


def admit(stream_id: str, _peer: str) -> int | None:
    """Let in whoever asks for ``echo``, wherever it comes from."""
    return None if stream_id == "echo" else RejectReason.NOT_FOUND


async def echo(connection: SrtSocket) -> None:
    """Send everything back until the caller leaves."""
    async with connection:
        async for payload in connection:
            await connection.send(payload)


async def serve(server: SrtServer) -> None:
    """Answer every caller until the server is closed."""
    async with asyncio.TaskGroup() as tasks:
        async for connection in server:
            tasks.create_task(echo(connection))


async def main() -> None:
    """Listen, call, and call again with the wrong stream id."""
    async with await srt_listen("127.0.0.1", latency_ms=50, admit=admit) as server:
        serving = asyncio.create_task(serve(server))
        async with await srt_connect("127.0.0.1", server.port, stream_id="echo", latency_ms=50) as connection:
            for word in b"one", b"two", b"three":
                await connection.send(word)
                print((await connection.receive()).decode())
        try:
            await srt_connect("127.0.0.1", server.port, stream_id="something else")
        except ConnectionRejectedError as error:
            print(error)
    await serving


asyncio.run(main())
