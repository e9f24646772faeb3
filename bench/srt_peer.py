"""One SRT caller on a socket of its own, driven by whoever loops: the producer and the probe of the load bench.

Source: select(2), whose timeout is in microseconds, where epoll and asyncio round to milliseconds.
"""

import select
import socket
from types import TracebackType
from typing import Final, Self

from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes
from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import Connection

MAX_DATAGRAM_BYTES: Final = 2048


class SrtPeer:
    """A connected UDP socket and the SRT caller or connection behind it.

    Args:
        host: Numeric address of the listener.
        port: Its UDP port.
        options: What is asked for.
        udp: An IPv4 socket of another kind than is opened without.

    Attributes:
        udp: The socket, non-blocking.
    """

    def __init__(self, host: str, port: int, options: CallerOptions, udp: socket.socket | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM) if udp is None else udp
        self.udp.setblocking(False)
        self.udp.connect((host, port))
        self._caller = Caller(
            options,
            socket_id=int.from_bytes(random_bytes(4), "big") % 0x3FFF_FFFF + 1,
            initial_seqno=int.from_bytes(random_bytes(4), "big") % 0x7FFF_FFFE,
            now_us=now_us(),
        )

    @property
    def connection(self) -> Connection:
        """The open connection.

        Raises:
            RuntimeError: There is none yet.
        """
        if self._caller.connection is None:
            raise RuntimeError("not connected: call connect() first")
        return self._caller.connection

    @property
    def is_connected(self) -> bool:
        """Whether `connection` is there.

        Raises:
            HeadraceError: The listener refused, or did not answer.
        """
        if self._caller.error is not None:
            raise self._caller.error
        return self._caller.connection is not None

    def connect(self) -> None:
        """Shake hands.

        Raises:
            HeadraceError: The listener refused, or did not answer.
        """
        while not self.is_connected:
            self.turn(now_us() + 100_000)

    def turn(self, until_us: int) -> bool:
        """Wait for a datagram or a timer, at most until ``until_us``, handle it, and send what is to be sent."""
        machine = self._caller.connection or self._caller
        due_us = machine.poll_timer()
        wake_us = until_us if due_us is None else min(until_us, due_us)
        self.flush()
        readable = bool(select.select([self.udp], [], [], max(0, wake_us - now_us()) / 1e6)[0])
        if readable:
            self.read()
        if due_us is not None and due_us <= now_us():
            machine.handle_timer(now_us())
        self.flush()
        return readable

    def read(self) -> None:
        """Handle every datagram that is there."""
        while True:
            try:
                datagram = self.udp.recv(MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except ConnectionRefusedError:  # nobody listens yet
                continue
            (self._caller.connection or self._caller).handle_datagram(datagram, now_us())

    def flush(self) -> None:
        """Send what is to be sent."""
        for datagram in (self._caller.connection or self._caller).poll_datagrams():
            try:
                self.udp.send(datagram)
            except (BlockingIOError, ConnectionRefusedError):
                return  # it is repeated, as if the network had lost it

    def close(self) -> None:
        """Say goodbye and close the socket."""
        if self._caller.connection is not None:
            self._caller.connection.close(now_us())
            self.flush()
        self.udp.close()

    def vanish(self) -> None:
        """Close the socket without a word, as when a process is killed."""
        self.udp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
