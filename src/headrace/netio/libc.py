"""``sendmmsg`` and ``recvmmsg`` called through ctypes, and the memory layout that they expect.

ctypes releases the interpreter lock during a call. The layouts are those of 64-bit little-endian Linux, where
each field of ``mmsghdr`` and ``iovec`` fills, or may be written as, one 64-bit word; elsewhere the loaders
return None and the portable path is used.

Source: sendmmsg(2), recvmmsg(2), sendmsg(2), cmsg(3), udp(7).
"""

import ctypes
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

MessageCall: TypeAlias = Callable[[int, int, int], int]
"""(file descriptor, address of an ``mmsghdr`` array, messages) -> messages done, or minus the errno."""

MAX_MESSAGES_PER_CALL: Final = 1024
"""``UIO_MAXIOV``: the kernel looks at no more messages than this in one call."""

MESSAGE_WORDS: Final = 8
MESSAGE_BYTES: Final = 64
NAME, NAME_BYTES, IOVECS, IOVEC_COUNT, CONTROL, CONTROL_BYTES, FLAGS, DONE_BYTES = range(MESSAGE_WORDS)
"""Word of each field of an ``mmsghdr``."""

IOVEC_BYTES: Final = 16

UDP_SEGMENT_LEVEL_AND_TYPE: Final = 17 | 103 << 32
"""``SOL_UDP`` and ``UDP_SEGMENT``, the second word of the control message."""
UDP_SEGMENT_USED_BYTES: Final = 18
"""``CMSG_LEN(sizeof(uint16_t))``, the first word of the control message."""
UDP_SEGMENT_WORDS: Final = 3
UDP_SEGMENT_BYTES: Final = 24
"""``CMSG_SPACE(sizeof(uint16_t))``."""

MESSAGE_TRUNCATED: Final = 0x20
"""``MSG_TRUNC`` of Linux."""


def load_sendmmsg() -> MessageCall | None:
    """Return a non-blocking ``sendmmsg``, or None where the system has none that we can call."""
    function = _load("sendmmsg", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    if function is None:
        return None
    flags = socket.MSG_DONTWAIT

    def send_messages(descriptor: int, messages_address: int, count: int) -> int:
        done: int = function(descriptor, messages_address, count, flags)
        return done if done >= 0 else -ctypes.get_errno()

    return send_messages


def load_recvmmsg() -> MessageCall | None:
    """Return a non-blocking ``recvmmsg``, or None where the system has none that we can call."""
    argument_types = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    function = _load("recvmmsg", *argument_types)
    if function is None:
        return None
    flags = socket.MSG_DONTWAIT

    def receive_messages(descriptor: int, messages_address: int, count: int) -> int:
        done: int = function(descriptor, messages_address, count, flags, None)
        return done if done >= 0 else -ctypes.get_errno()

    return receive_messages


def _load(name: str, *argument_types: Any) -> Any:
    if sys.platform != "linux" or sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is not None:
        function.argtypes = argument_types
        function.restype = ctypes.c_int
    return function
