"""The whole status of a running broker as one JSON document, made in pieces.

Source: ``docs/reference/statistics.md``, "a running broker".
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Final

from headrace.base.sockaddr import format_sockaddr
from headrace.base.version import VERSION
from headrace.endpoints.channel_watch import ChannelWatches
from headrace.endpoints.rate_meter import RateMeter
from headrace.endpoints.snapshot import Facts, Piece, Sessions, snapshot_pieces
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.clock import now_us, unix_time_us
from headrace.netio.counters import SocketCounters, sum_counters
from headrace.netio.process import resident_bytes
from headrace.netio.udp_socket import UdpSocket

STATUS_VERSION: Final = 1
"""Goes up when a key is taken away or changes its meaning; new keys may come at any time."""
_LISTS: Final = ("channels", "subscribers", "events")


class BrokerStatus:
    """Answers what a broker is doing.

    Args:
        endpoint: Its endpoint.
        socket: Its common socket.
        more_sockets: The others, which other threads may use.

    Attributes:
        sessions: Knows of those of browsers; None where there are none.
    """

    def __init__(self, endpoint: SrtEndpoint, socket: UdpSocket, more_sockets: Sequence[UdpSocket] = ()) -> None:
        self._endpoint = endpoint
        self._socket = socket
        self._sockets = socket, *more_sockets
        self._watches = ChannelWatches()
        self._received, self._sent = RateMeter(), RateMeter()
        self._started_us = now_us()
        self.sessions: Sessions | None = None

    def observe(self) -> Iterator[None]:
        """Look at rates and channels: once a second, giving way where it yields."""
        time_us = now_us()
        for socket in self._sockets:
            socket.count_drops()
        counters = self._counters()
        self._received.note(counters.bytes_received, time_us)
        self._sent.note(counters.bytes_sent, time_us)
        yield from self._watches.observe(list(self._endpoint.hub.channels.values()), time_us)

    def _counters(self) -> SocketCounters:
        return sum_counters(socket.counters for socket in self._sockets)

    def answer(self, request: dict[str, object]) -> Iterator[str]:
        """Return the answer to ``{"want": "status", "subscribers_of": ID}`` as pieces of JSON."""
        subscribers_of = request.get("subscribers_of")
        if request.get("want") != "status" or not isinstance(subscribers_of, str | None):
            return iter([_json({"version": STATUS_VERSION, "error": "what can be wanted is: status, channels"})])
        return self._document(subscribers_of)

    def _document(self, subscribers_of: str | None) -> Iterator[str]:
        yield f'{{"version":{STATUS_VERSION},"broker":{_json(self.broker_facts())}'
        pieces = snapshot_pieces(
            self._endpoint, self._watches, now_us, subscribers_of=subscribers_of, sessions=self.sessions
        )
        left = list(_LISTS)
        for name, of_list in groupby(pieces, lambda piece: piece.name):
            left.remove(name)
            yield from _list_pieces(name, of_list)
        yield "".join(f',"{name}":[]' for name in left) + "}"

    def broker_facts(self) -> Facts:
        """Return what is said of the broker as a whole."""
        endpoint, channels = self._endpoint, self._endpoint.hub.channels.values()
        return {
            "headrace_version": VERSION,
            "unix_ms": unix_time_us() // 1000,
            "uptime_seconds": round((now_us() - self._started_us) / 1e6, 1),
            "listen": format_sockaddr(self._socket.local_address),
            "fast_paths": self._socket.capabilities.describe(),
            "resident_bytes": resident_bytes(),
            "channels": len(channels),
            "producers": endpoint.producer_count,
            "subscribers": endpoint.table.count,
            "received_bps": self._received.bps,
            "sent_bps": self._sent.bps,
            "socket": asdict(self._counters()),
            "ignored_packets": dict(+endpoint.ignored_packets),
            "refused_connections": {str(code): count for code, count in endpoint.refused_connections.items()},
            "limits_reached": {name: count for name, count in endpoint.limits_reached.items() if count},
            "dropped_subscribers": dict(endpoint.dropped_subscribers),
            "ended_rights": dict(endpoint.ended_rights),
            "hook_answers": dict(endpoint.hook_answers),
            **({} if self.sessions is None else self.sessions.broker_facts()),
        }


def _list_pieces(name: str, pieces: Iterator[Piece]) -> Iterator[str]:
    opening = f',"{name}":['
    for piece in pieces:
        if piece.items:
            yield opening + _json(piece.items)[1:-1]
            opening = ","
    yield "]" if opening == "," else opening + "]"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
