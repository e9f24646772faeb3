"""Finds out whether a silent listener has only fallen silent, or has been restarted and knows us no more.

A listener that lives is never silent for longer than its keepalive interval. When it is, two packets go out
together, again and again: an induction request, which any process on that port answers without keeping memory of
it, and a full ACK, which only our own connection answers. If the first is answered and the second is not, the
network and the process are there and the connection is not. If neither is, nothing is known, and the peer timeout
decides as ever; so an outage of the network ends nothing.

Source: draft-sharabayko-srt, 4.3.1.1 (induction), 4.8.1 (a full ACK is answered at once), 4.9 (keepalive).
"""

from typing import Final

from headrace.base.errors import PacketError
from headrace.srt.caller import CallerOptions, induction_request
from headrace.srt.connection import Connection
from headrace.srt.handshake import HandshakeType, decode_handshake, encode_handshake
from headrace.srt.packet import HEADER_BYTES, ControlType, decode_header, encode_control

SILENCE_US: Final = 1_200_000
"""One keepalive interval, and what a loaded peer may be late."""
PROBE_INTERVAL_US: Final = 130_000
"""A broker of ours answers one full ACK of a subscriber in 125 ms."""
ENOUGH_ANSWERS: Final = 6
"""At 20 % loss each way a connection that lives fails one in 3000 such trials: (0.23 / 0.87) ** 6, where 0.23 is
an induction answered and a full ACK not, 0.87 that or a full ACK answered."""
ENOUGH_US: Final = 400_000
"""From the first answer to the last: one that was held up answers all inductions at once, and full ACKs later."""


class SilenceProbe:
    """Watches one connection that we called for, and ends it as ``forgotten``.

    Args:
        connection: Open.
        options: What it was called with.
    """

    __slots__ = ("_answers", "_connection", "_first_answer_us", "_heard_us", "_next_us", "_options", "_outgoing")

    def __init__(self, connection: Connection, options: CallerOptions) -> None:
        self._connection = connection
        self._options = options
        self._heard_us = connection.heard_us
        self._next_us: int | None = None
        self._answers = 0
        self._first_answer_us = 0
        self._outgoing: list[bytes] = []

    @property
    def is_probing(self) -> bool:
        """Whether the listener is being asked."""
        return self._next_us is not None

    @property
    def _is_forgotten(self) -> bool:
        return self._answers >= ENOUGH_ANSWERS

    def poll_timer(self) -> int:
        """Return when `handle_timer` is due."""
        if self._next_us is None or self._connection.heard_us != self._heard_us:
            return self._connection.heard_us + SILENCE_US
        return self._next_us

    def handle_timer(self, now_us: int) -> None:
        """Ask, or draw the conclusion."""
        if self._connection.heard_us != self._heard_us:
            self._begin_anew()
        if now_us < self.poll_timer():
            return
        if self._is_forgotten:
            self._connection.close(now_us, "forgotten")
            return
        self._next_us = now_us + PROBE_INTERVAL_US
        self._connection.receiver.probe(now_us)
        self._connection.flush(now_us)
        self._outgoing.append(self._induction(now_us))

    def _begin_anew(self) -> None:
        self._heard_us = self._connection.heard_us
        self._next_us = None
        self._answers = 0

    def _induction(self, now_us: int) -> bytes:
        parameters = self._connection.parameters
        return encode_control(
            ControlType.HANDSHAKE,
            timestamp_us=now_us - parameters.epoch_us,
            dst_socket_id=0,
            body=encode_handshake(induction_request(self._options, parameters.socket_id, 0)),
        )

    def handle_datagram(self, datagram: bytes, now_us: int) -> bool:
        """Take one datagram for the connection's socket id; return whether it was an answer to us."""
        if not self.is_probing or not _is_induction(datagram):
            return False
        if self._answers == 0:
            self._first_answer_us = now_us
        # The last one that counts comes late enough.
        if self._answers < ENOUGH_ANSWERS - 1 or now_us - self._first_answer_us >= ENOUGH_US:
            self._answers += 1
        return True

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send to the listener, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing


def _is_induction(datagram: bytes) -> bool:
    try:
        header = decode_header(datagram)
        return (
            header.is_control
            and header.control_type == ControlType.HANDSHAKE
            and decode_handshake(datagram[HEADER_BYTES:]).handshake_type == HandshakeType.INDUCTION
        )
    except PacketError:
        return False
