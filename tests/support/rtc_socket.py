"""A peer of WebRTC on a real socket of the loopback interface, turned by asyncio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.netio.clock import now_us
from headrace.webrtc.peer import Closed, Event, Peer, RtcpReceived, RtpReceived


class RtcSocket(asyncio.DatagramProtocol):
    """Carries a peer's datagrams.

    Attributes:
        peer: The peer, once it is given one.
        happened: Events but media.
        packets: RTP that came, in clear.
        reports: RTCP that came, in clear.
        port: UDP port of the loopback interface.
    """

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.happened: list[Event] = []
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.peer is not None:
            self.peer.handle_datagram(data, encode_sockaddr(*addr), now_us())
            self.flush()

    def send_rtp(self, packet: bytes, index: int) -> None:
        """Seal a packet and send it."""
        assert self.peer is not None
        assert self.peer.sealer is not None
        out = memoryview(bytearray(1500))
        self._send(bytes(out[: self.peer.sealer.seal_into(packet, index, out)]), self.peer.address)

    def send_rtcp(self, packet: bytes) -> None:
        """Seal a report and send it."""
        assert self.peer is not None
        assert self.peer.sealer is not None
        self._send(self.peer.sealer.seal_rtcp(packet), self.peer.address)

    def flush(self) -> None:
        """Send what the peer wants to send, and take what has happened."""
        assert self.peer is not None
        while (datagram := self.peer.poll_datagram()) is not None:
            self._send(*datagram)
        while (event := self.peer.poll_event()) is not None:
            match event:
                case RtpReceived(packet):
                    self.packets.append(packet)
                case RtcpReceived(packet):
                    self.reports.append(packet)
                case _:
                    self.happened.append(event)

    def _send(self, data: bytes, address: bytes | None) -> None:
        assert self._transport is not None
        assert address is not None
        self._transport.sendto(data, decode_sockaddr(address)[:2])

    async def turn_timer(self) -> None:
        """Do what is due, for ever."""
        while True:
            await asyncio.sleep(0.01)
            due_us = self.peer.poll_timer() if self.peer is not None else None
            if self.peer is not None and due_us is not None and due_us <= now_us():
                self.peer.handle_timer(now_us())
                self.flush()

    @property
    def closed(self) -> str | None:
        """Why it is over, None while it is not."""
        return next((event.reason for event in self.happened if isinstance(event, Closed)), None)


@asynccontextmanager
async def rtc_socket() -> AsyncIterator[RtcSocket]:
    """Open a socket on the loopback interface within the block."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(RtcSocket, local_addr=("127.0.0.1", 0))
    timer = loop.create_task(protocol.turn_timer())
    try:
        yield protocol
    finally:
        timer.cancel()
        transport.close()
