"""Both ends of real SRT connections on the loopback interface."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from headrace.client.srt_connect import srt_connect
from headrace.client.srt_listen import SrtServer
from headrace.client.srt_socket import SrtSocket
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.listener import ListenerOptions


class Pair(NamedTuple):
    """A connection: ``caller`` connected, ``accepted`` is what ``server`` got."""

    server: SrtServer
    caller: SrtSocket
    accepted: SrtSocket


@contextlib.asynccontextmanager
async def connected(
    *,
    latency_ms: int = 20,
    stream_id: str = "",
    flow_window_packets: int = 25_600,
    peer_timeout_seconds: float = 5.0,
    host: str = "127.0.0.1",
) -> AsyncIterator[Pair]:
    """Connect, and end all of it afterwards."""
    options = ListenerOptions(
        receive_latency_ms=latency_ms, peer_latency_ms=latency_ms, flow_window_packets=flow_window_packets
    )
    async with SrtServer(UdpSocket.bind(host, 0), options, None) as server:
        caller = await srt_connect(
            host,
            server.port,
            stream_id=stream_id,
            latency_ms=latency_ms,
            peer_timeout_seconds=peer_timeout_seconds,
        )
        try:
            async with asyncio.timeout(5):
                accepted = await server.accept()
            yield Pair(server, caller, accepted)
        finally:
            caller.abort()
