"""The exceptions that every room shares.

::

    HeadraceError
    +-- PacketError          what came from the network is malformed
    +-- LocalProtocolError   our own caller asked for what the protocol does not allow now
    +-- ChannelIdError       a channel id has characters or a length that is not allowed
"""


class HeadraceError(Exception):
    """Base of everything that Headrace raises on purpose."""


class PacketError(HeadraceError):
    """Bytes from the network do not follow their specification. Decoders raise this and nothing else.

    Attributes:
        reason: Short snake_case word under which the drop is counted, such as ``"short_header"``.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class LocalProtocolError(HeadraceError):
    """The caller of this library did something that the protocol does not allow in this state."""


class ChannelIdError(HeadraceError, ValueError):
    """A channel id that cannot be one."""
