"""Headrace: live video streaming over SRT. Producers send, a broker forwards, clients subscribe.

The names below are imported when they are first used, so that ``import headrace`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace.base.errors import HeadraceError, LocalProtocolError
    from headrace.client.srt_connect import srt_connect
    from headrace.client.srt_listen import SrtServer, srt_listen
    from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
    from headrace.srt.caller import ConnectTimeoutError, HandshakeError
    from headrace.srt.rejection import ConnectionRejectedError, RejectReason

__all__ = [
    "ConnectTimeoutError",
    "ConnectionEndedError",
    "ConnectionRejectedError",
    "HandshakeError",
    "HeadraceError",
    "LocalProtocolError",
    "RejectReason",
    "SrtServer",
    "SrtSocket",
    "srt_connect",
    "srt_listen",
]

_HOMES: Final = {
    "ConnectTimeoutError": "headrace.srt.caller",
    "ConnectionEndedError": "headrace.client.srt_socket",
    "ConnectionRejectedError": "headrace.srt.rejection",
    "HandshakeError": "headrace.srt.caller",
    "HeadraceError": "headrace.base.errors",
    "LocalProtocolError": "headrace.base.errors",
    "RejectReason": "headrace.srt.rejection",
    "SrtServer": "headrace.client.srt_listen",
    "SrtSocket": "headrace.client.srt_socket",
    "srt_connect": "headrace.client.srt_connect",
    "srt_listen": "headrace.client.srt_listen",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
