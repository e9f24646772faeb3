"""The socket of one soak subscriber, which loses datagrams as a network would."""

import socket
from typing import Final

from headrace.netio.clock import now_us
from headrace.srt.caller import Caller

RECEIVE_BUFFER_BYTES: Final = 1 << 20


def open_connected(port: int, udp: socket.socket | None) -> socket.socket:
    """Return ``udp``, or a plain socket, that talks to ``port`` of the loopback interface alone."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if udp is None else udp
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    opened.connect(("127.0.0.1", port))
    opened.setblocking(False)
    return opened


def receive(udp: socket.socket, caller: Caller) -> None:
    """Hand over one datagram."""
    try:
        caller.handle_datagram(udp.recv(2048), now_us())
    except ConnectionRefusedError:  # nobody listens yet
        return


def drive(udp: socket.socket, caller: Caller) -> None:
    """Call a caller's timer if that is due, send what it wants sent, and raise what it failed with."""
    due_us = caller.poll_timer()
    if due_us is not None and due_us <= now_us():
        caller.handle_timer(now_us())
    for datagram in caller.poll_datagrams():
        send(udp, datagram)
    if caller.error is not None:
        raise caller.error


def send(udp: socket.socket, datagram: bytes) -> None:
    """Send, or lose the datagram."""
    try:
        udp.send(datagram)
    except (BlockingIOError, ConnectionRefusedError):
        return
