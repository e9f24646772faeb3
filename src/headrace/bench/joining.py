"""The handshakes of many peers of a load, a few at a time, on no socket of their own.

Source: draft-sharabayko-srt, 4.3.1; the handshake itself is `headrace.srt.caller`.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import ConnectionParameters

AT_ONCE: Final = 64
"""A crowd that all came at the same moment would measure the listener's queue."""
CONNECT_TIMEOUT_US: Final = 20_000_000


class Joining:
    """Opens a connection for each peer of a load; peer ``n`` has the socket id ``n + 1``.

    Args:
        options: What each peer asks for, in the order of their numbers.
        seed: Of the first sequence numbers.
    """

    def __init__(self, options: Sequence[CallerOptions], seed: int = 1) -> None:
        self._waiting = deque(enumerate(options))
        self._seqnos: list[int] = np.random.default_rng(seed).integers(0, 0x7FFF_FFFE, len(options)).tolist()
        self._callers: dict[int, Caller] = {}

    @property
    def is_over(self) -> bool:
        """Whether everybody has a connection."""
        return not self._waiting and not self._callers

    def handle_datagram(self, number: int, datagram: bytes, now_us: int) -> ConnectionParameters | None:
        """Take what the listener sent to peer ``number``; return its connection, once, when that is open.

        Raises:
            HeadraceError: The listener refused.
        """
        caller = self._callers.get(number)
        if caller is None:
            return None
        caller.handle_datagram(datagram, now_us)
        if caller.error is not None:
            raise caller.error
        if caller.connection is None:
            return None
        del self._callers[number]
        return caller.connection.parameters

    def poll_datagrams(self, now_us: int) -> list[tuple[int, bytes]]:
        """Return what peers have to say now, each with the number of its peer.

        Raises:
            HeadraceError: Somebody got no answer.
        """
        while self._waiting and len(self._callers) < AT_ONCE:
            number, options = self._waiting.popleft()
            self._callers[number] = Caller(
                options, socket_id=number + 1, initial_seqno=self._seqnos[number], now_us=now_us
            )
        datagrams: list[tuple[int, bytes]] = []
        for number, caller in self._callers.items():
            caller.handle_timer(now_us)
            if caller.error is not None:
                raise caller.error
            datagrams += [(number, datagram) for datagram in caller.poll_datagrams()]
        return datagrams


def subscriber_options(channel_id: str, count: int, latency_ms: int = 120) -> list[CallerOptions]:
    """Return what ``count`` subscribers of one channel ask for."""
    options = CallerOptions(
        stream_id=channel_id, receive_latency_ms=latency_ms, connect_timeout_us=CONNECT_TIMEOUT_US
    )
    return [options] * count


def producer_options(channel_ids: Sequence[str]) -> list[CallerOptions]:
    """Return what the producers of some channels ask for."""
    return [
        CallerOptions(stream_id=f"publish:{channel_id}", connect_timeout_us=CONNECT_TIMEOUT_US)
        for channel_id in channel_ids
    ]
