"""What this machine's UDP sockets can do, found by trying it on the loopback interface.

A version number would not tell: containers filter system calls, and devices differ.

Source: recvmmsg(2), sendmmsg(2), udp(7) ``UDP_SEGMENT``.
"""

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import SOCKADDR_BYTES, encode_sockaddr
from headrace.netio.counters import SocketCounters
from headrace.netio.libc import MessageCall, load_recvmmsg, load_sendmmsg
from headrace.netio.mmsg_receiver import MessageTable, MmsgReceiver
from headrace.netio.mmsg_sender import MmsgSender
from headrace.netio.peer_socket import open_peer_socket

ENVIRONMENT_NAME: Final = "HEADRACE_NETIO"
PROBE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which system calls and options a socket is to use.

    Attributes:
        recvmmsg: Many datagrams are read with one call.
        sendmmsg: Many messages are sent with one call.
        udp_segment: A message carries many datagrams (GSO); only together with ``sendmmsg``.
        peer_sockets: One peer's datagrams can be had through a socket of their own on the same port.
    """

    recvmmsg: bool
    sendmmsg: bool
    udp_segment: bool
    peer_sockets: bool

    def describe(self) -> str:
        """Return the capabilities as one line for a log."""
        sending = "sendmmsg with UDP_SEGMENT" if self.udp_segment else "sendmmsg"
        return (
            f"sends with {sending if self.sendmmsg else 'one sendmsg a datagram'}, "
            f"receives with {'recvmmsg' if self.recvmmsg else 'one recvmsg a datagram'}, "
            f"producers {'each through a socket of its own' if self.peer_sockets else 'through the common socket'}"
        )


PORTABLE: Final = Capabilities(recvmmsg=False, sendmmsg=False, udp_segment=False, peer_sockets=False)
SENDMMSG: Final = Capabilities(recvmmsg=True, sendmmsg=True, udp_segment=False, peer_sockets=True)
GSO: Final = Capabilities(recvmmsg=True, sendmmsg=True, udp_segment=True, peer_sockets=True)

_CEILINGS: Final = {"portable": PORTABLE, "sendmmsg": SENDMMSG, "gso": GSO}


def probe_capabilities() -> Capabilities:
    """Return what works here, but no more than the environment variable ``HEADRACE_NETIO`` allows.

    ``portable`` allows nothing, ``sendmmsg`` all but ``UDP_SEGMENT``, ``gso`` everything, as does leaving the
    variable unset. What the machine lacks is False whatever the variable says, and is never an error.

    Raises:
        ValueError: The variable has another value.
    """
    wanted = os.environ.get(ENVIRONMENT_NAME) or "gso"
    if wanted not in _CEILINGS:
        raise ValueError(f"{ENVIRONMENT_NAME} is {wanted!r}: use one of {', '.join(_CEILINGS)}, or unset it")
    ceiling = _CEILINGS[wanted]
    if ceiling == PORTABLE:
        return PORTABLE
    found = _probe_machine()
    return replace(found, udp_segment=found.udp_segment and ceiling.udp_segment)


@lru_cache(maxsize=1)
def _probe_machine() -> Capabilities:
    receive_messages, send_messages = load_recvmmsg(), load_sendmmsg()
    sendmmsg = send_messages is not None and _sends(send_messages, segmenting=False)
    recvmmsg = receive_messages is not None and _receives(receive_messages)
    return Capabilities(
        recvmmsg=recvmmsg,
        sendmmsg=sendmmsg,
        udp_segment=send_messages is not None and sendmmsg and _sends(send_messages, segmenting=True),
        peer_sockets=recvmmsg and _separates_peers(),
    )


def _sends(send_messages: MessageCall, *, segmenting: bool) -> bool:
    """Return whether a burst of two packets arrives as two datagrams, and nothing had to fall back."""
    header = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    store = np.arange(8, dtype=np.uint8).reshape(2, 4)
    try:
        with ExitStack() as stack:
            sender, sink = _loopback_pair(stack)
            counters = SocketCounters()
            to = np.frombuffer(encode_sockaddr(*sink.getsockname()[:2]), np.uint8).reshape(1, SOCKADDR_BYTES)
            mmsg = MmsgSender(sender.fileno(), counters, send_messages, segmenting=segmenting)
            mmsg.send_burst(to, header, store, np.arange(2), np.full(2, 4))
            arrived = [sink.recv(64), sink.recv(64)]
    except OSError:
        return False
    whole = arrived == [header[0, row].tobytes() + store[row].tobytes() for row in range(2)]
    return whole and counters.segment_refused_messages == 0


def _receives(receive_messages: MessageCall) -> bool:
    try:
        with ExitStack() as stack:
            sender, sink = _loopback_pair(stack)
            sender.sendto(b"probe", sink.getsockname())
            # Waits until it is there, and leaves it there.
            sink.recv(16, socket.MSG_PEEK)
            batch = DatagramBatch(2)
            counters = SocketCounters()
            receiver = MmsgReceiver(sink.fileno(), sink.family, counters, receive_messages, MessageTable())
            receiver.receive_more(batch, 2)
            return batch.count == 1 and batch.datagram(0) == b"probe"
    except OSError:
        return False


def _separates_peers() -> bool:
    """Return whether a connected socket takes its peer's datagrams, and no others, from the common one."""
    try:
        with ExitStack() as stack:
            peer, shared = _loopback_pair(stack)
            stranger = _bound(stack, peer.family, peer.getsockname()[0])
            own = stack.enter_context(open_peer_socket(shared, peer.getsockname()))
            own.settimeout(PROBE_SECONDS)
            peer.sendto(b"peer", shared.getsockname())
            stranger.sendto(b"stranger", shared.getsockname())
            return own.recv(16) == b"peer" and shared.recv(16) == b"stranger"
    except OSError:
        return False


def _loopback_pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Return two bound sockets; IPv4, or IPv6 on a machine without it."""
    try:
        return _bound(stack, socket.AF_INET, "127.0.0.1"), _bound(stack, socket.AF_INET, "127.0.0.1")
    except OSError:
        return _bound(stack, socket.AF_INET6, "::1"), _bound(stack, socket.AF_INET6, "::1")


def _bound(stack: ExitStack, family: socket.AddressFamily, host: str) -> socket.socket:
    udp = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    udp.settimeout(PROBE_SECONDS)
    udp.bind((host, 0))
    return udp
