"""A broker on a real port in this process, for what no option of ``headrace serve`` says yet."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.support.processes import wait_until

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.base.sockaddr import decode_sockaddr
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.entropy import random_bytes
from headrace.netio.media_loop import MediaLoop
from headrace.netio.peer_lines import PeerLines
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.listener import ListenerOptions


class BrokerHere:
    """Listens while it is used as a context manager.

    Args:
        rules: Of the channels; anybody may publish.
        options: What it offers.

    Attributes:
        host: Where.
        port: Where.
        endpoint: Its endpoint, which its own thread uses.
        errors: What no packet may cause.
    """

    def __init__(self, rules: Sequence[ChannelRule], options: ListenerOptions | None = None) -> None:
        self.host = "127.0.0.1"
        self.errors: list[Exception] = []
        self._socket = UdpSocket.bind(self.host, 0)
        self.port = decode_sockaddr(self._socket.local_address)[1]
        self.endpoint = SrtEndpoint(
            options or ListenerOptions(),
            self._socket,
            random_bytes,
            directory=Directory.of(1, rules, is_open=True),
        )
        self._loop = MediaLoop(self._socket, self.endpoint, gather_us=5_000, on_error=self.errors.append)
        self._lines = PeerLines(self._socket, self._loop)
        self.endpoint.use_lines(self._lines)

    def url(self, stream_id: str, *, port: int | None = None, latency_ms: int = 120) -> str:
        """Return an SRT URL for ``srt-live-transmit`` and ``ffmpeg``-like programs that take milliseconds."""
        return f"srt://{self.host}:{port or self.port}?streamid={stream_id}&latency={latency_ms}"

    def wait_for_subscribers(self, count: int) -> None:
        """Wait until so many are connected."""
        wait_until(lambda: self.endpoint.table.count == count, f"{count} subscribers")

    def __enter__(self) -> Self:
        self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.stop()
        self._lines.close_all()
        self._socket.close()
        assert not self.errors
