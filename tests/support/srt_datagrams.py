"""SRT datagrams and connection parameters for tests, made without the code under test where bytes matter."""

import struct
from dataclasses import replace

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.connection import ConnectionParameters

US_PER_MS = 1000
SOCKET_ID, PEER_SOCKET_ID = 0x1111, 0x2222
HERE, THERE = encode_sockaddr("10.0.0.1", 5000), encode_sockaddr("10.0.0.2", 6000)

PARAMETERS = ConnectionParameters(
    socket_id=SOCKET_ID,
    peer_socket_id=PEER_SOCKET_ID,
    send_seqno=100,
    receive_seqno=500,
    epoch_us=1_000_000,
    peer_timestamp_us=0,
    established_us=1_000_000,
    receive_latency_us=120_000,
    send_latency_us=120_000,
    peer_window_packets=8192,
)


def mirrored(parameters: ConnectionParameters) -> ConnectionParameters:
    """Return what the other end of a connection with ``parameters`` holds."""
    return replace(
        parameters,
        socket_id=parameters.peer_socket_id,
        peer_socket_id=parameters.socket_id,
        send_seqno=parameters.receive_seqno,
        receive_seqno=parameters.send_seqno,
        receive_latency_us=parameters.send_latency_us,
        send_latency_us=parameters.receive_latency_us,
    )


def words(*values: int) -> bytes:
    """Return 32-bit words in network order."""
    return struct.pack(f">{len(values)}I", *values)


def data(
    seqno: int,
    payload: bytes = b"payload",
    *,
    timestamp_us: int = 0,
    word1: int = 0xE000_0001,
    to: int = SOCKET_ID,
) -> bytes:
    """Return a data packet: a whole message, in order, unless ``word1`` says otherwise."""
    return words(seqno, word1, timestamp_us, to) + payload


def control(
    kind: int, body: bytes = b"", *, subtype: int = 0, info: int = 0, timestamp_us: int = 0, to: int = SOCKET_ID
) -> bytes:
    """Return a control packet of type ``kind``."""
    return words(0x8000_0000 | kind << 16 | subtype, info, timestamp_us, to) + body


def kind_of(datagram: bytes) -> int | None:
    """Return a control packet's type, or None for data."""
    word = int.from_bytes(datagram[:4], "big")
    return (word >> 16) & 0x7FFF if word >> 31 else None


def of_kind(datagrams: list[bytes], kind: int | None) -> list[bytes]:
    """Return the datagrams of control type ``kind``, or the data packets for None."""
    return [datagram for datagram in datagrams if kind_of(datagram) == kind]
