"""Which simulcast layer a packet is of: its sender names it in the first ones, and is known by its source then.

Source: RFC 8852, 3 (rid and repaired rid as header extensions); RFC 8853, 5.3.2.
"""

from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.webrtc.rtp import RtpPacket

MAX_SOURCES: Final = 16
"""Four layers with retransmissions are eight; a sender that begins anew has others."""


class LayerNumbers(NamedTuple):
    """How the layers of a picture are known.

    Attributes:
        rids: Their names, in the sender's order.
        rid_extension: Id of the header extension that names one.
        repaired_extension: Id of the one that names whose retransmission a packet is; None if it has none.
    """

    rids: tuple[str, ...]
    rid_extension: int
    repaired_extension: int | None = None


class RidTable:
    """The sources whose layer is known.

    Args:
        numbers: How the layers are known.
    """

    __slots__ = ("_numbers", "_rids")

    def __init__(self, numbers: LayerNumbers) -> None:
        self._numbers = numbers
        self._rids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._rids)

    def rid_of(self, packet: RtpPacket, *, is_repair: bool) -> str:
        """Return the layer of a packet.

        Args:
            packet: Of the pictures, or sent again.
            is_repair: It is sent again, in a stream of its own.

        Raises:
            PacketError: ``rtp_without_rid``: its source is not known, and it does not say; ``rtp_unknown_rid``.
        """
        rid = self._rids.get(packet.ssrc)
        if rid is not None:
            return rid
        numbers = self._numbers
        named = packet.extension(numbers.repaired_extension if is_repair else numbers.rid_extension)
        if named is None:
            raise PacketError("rtp_without_rid")
        rid = named.decode("ascii", "replace")
        if rid not in numbers.rids:
            raise PacketError("rtp_unknown_rid")
        self._rids[packet.ssrc] = rid
        if len(self._rids) > MAX_SOURCES:
            del self._rids[next(iter(self._rids))]
        return rid
