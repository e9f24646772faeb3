"""Why a connection was refused: the codes that stand in the handshake type field of a refusal.

Source: libsrt docs, API/rejection-codes; draft-sharabayko-srt, 4.3 (1000 + reason on the wire).
"""

from enum import IntEnum
from typing import Final

from headrace.base.errors import HeadraceError


class RejectReason(IntEnum):
    """Codes as they stand on the wire."""

    UNKNOWN = 1000
    SYSTEM = 1001
    PEER = 1002
    RESOURCE = 1003
    ROGUE = 1004
    BACKLOG = 1005
    INTERNAL = 1006
    CLOSED = 1007
    VERSION = 1008
    RENDEZVOUS_COOKIE = 1009
    BAD_SECRET = 1010
    UNSECURE = 1011
    MESSAGE_API = 1012
    CONGESTION = 1013
    FILTER = 1014
    GROUP = 1015
    TIMEOUT = 1016
    CRYPTO = 1017
    BAD_REQUEST = 2400
    UNAUTHORIZED = 2401
    OVERLOAD = 2402
    FORBIDDEN = 2403
    NOT_FOUND = 2404
    BAD_MODE = 2405
    UNACCEPTABLE = 2406
    CONFLICT = 2409
    INTERNAL_SERVER_ERROR = 2500


_EXPLANATIONS: Final = {
    RejectReason.PEER: "the listener refused the connection",
    RejectReason.RESOURCE: "the listener has no resources left",
    RejectReason.ROGUE: "the listener found the handshake malformed",
    RejectReason.BACKLOG: "the listener has too many connections waiting",
    RejectReason.CLOSED: "the listener is closing",
    RejectReason.VERSION: "the listener wants another SRT version",
    RejectReason.BAD_SECRET: "the passphrase is wrong",
    RejectReason.UNSECURE: "one side wants encryption and the other does not: set a passphrase on both or neither",
    RejectReason.MESSAGE_API: "the listener wants live mode (message API), not stream mode",
    RejectReason.CONGESTION: "the listener wants the 'live' congestion control",
    RejectReason.FILTER: "the listener does not do packet filters (FEC)",
    RejectReason.GROUP: "the listener does not do bonding",
    RejectReason.CRYPTO: "the listener does not do this cipher",
    RejectReason.BAD_REQUEST: "the stream id is malformed",
    RejectReason.UNAUTHORIZED: "the listener does not know who you are",
    RejectReason.OVERLOAD: "the listener is full, or lets nobody in for now: try again later",
    RejectReason.FORBIDDEN: "this is not allowed",
    RejectReason.NOT_FOUND: "there is no such channel",
    RejectReason.BAD_MODE: "the mode in the stream id is neither publish nor request",
    RejectReason.UNACCEPTABLE: "the listener cannot serve what was asked for",
    RejectReason.CONFLICT: "this channel has a live producer already",
    RejectReason.INTERNAL_SERVER_ERROR: "the listener has an internal error",
}


def explain_rejection(code: int) -> str:
    """Return a sentence part for people on what the code ``code`` of a refusal means."""
    known = code in RejectReason.__members__.values()
    return _EXPLANATIONS.get(RejectReason(code), "refused") if known else f"refused with code {code}"


class ConnectionRejectedError(HeadraceError):
    """The listener refused the connection.

    Args:
        code: The code on the wire, as in `RejectReason` or a user-defined one (3000 and up).
        explanation: What it means here, where more is known than the code says.

    Attributes:
        code: As given.
    """

    def __init__(self, code: int, explanation: str = "") -> None:
        super().__init__(f"refused ({code}): {explanation or explain_rejection(code)}")
        self.code = code
