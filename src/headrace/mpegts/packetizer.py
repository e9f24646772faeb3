"""Cuts a transport stream to the payloads of datagrams: seven packets, 1316 bytes, as SRT senders do.

Source: SRT live mode's default payload size (libsrt, SRT_LIVE_DEF_PLSIZE = 1316).
"""

from typing import Final

from headrace.mpegts.packet import TS_PACKET_BYTES

PACKETS_PER_PAYLOAD: Final = 7
PAYLOAD_BYTES: Final = PACKETS_PER_PAYLOAD * TS_PACKET_BYTES


class Packetizer:
    """Takes transport stream bytes, aligned to packets as a whole, gives payloads of whole packets."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, ts: bytes) -> list[bytes]:
        """Return the full payloads, each of 1316 bytes."""
        buffer = self._buffer + ts
        end = len(buffer) - len(buffer) % PAYLOAD_BYTES
        self._buffer = buffer[end:]
        return [buffer[at : at + PAYLOAD_BYTES] for at in range(0, end, PAYLOAD_BYTES)]

    def flush(self) -> bytes:
        """Return the whole packets that are left, fewer than seven; bytes of a packet not whole stay."""
        end = len(self._buffer) - len(self._buffer) % TS_PACKET_BYTES
        payload, self._buffer = self._buffer[:end], self._buffer[end:]
        return payload
