"""Reads a header bit by bit, with the Exp-Golomb codes of H.264 and HEVC.

Source: ITU-T H.264, 7.2 and 9.1.
"""

from typing import Final

from headrace.base.errors import PacketError

MAX_HEADER_BYTES: Final = 4096
"""Of a header that is read bit by bit; parameter sets have under a hundred."""
_MAX_LEADING_ZEROS: Final = 32


def unescape(nal: bytes) -> bytes:
    """Return a unit without its emulation prevention bytes (H.264, 7.4.1)."""
    return nal.replace(b"\0\0\x03", b"\0\0")


class BitReader:
    """A place in some bytes, most significant bit first.

    Args:
        data: What is read; what goes past `MAX_HEADER_BYTES` is not.
    """

    __slots__ = ("_bits", "_left")

    def __init__(self, data: bytes) -> None:
        head = data[:MAX_HEADER_BYTES]
        self._bits = int.from_bytes(head, "big")
        self._left = 8 * len(head)

    @property
    def left_bits(self) -> int:
        """Bits that are not read yet."""
        return self._left

    def read(self, bits: int) -> int:
        """Return the next ``bits`` as a number without a sign.

        Raises:
            PacketError: ``short_header``.
        """
        self._left -= bits
        if self._left < 0:
            raise PacketError("short_header")
        return self._bits >> self._left & (1 << bits) - 1

    def read_flag(self) -> bool:
        """Return the next bit.

        Raises:
            PacketError: ``short_header``.
        """
        return self.read(1) == 1

    def read_ue(self) -> int:
        """Return an Exp-Golomb code without a sign, ``ue(v)``.

        Raises:
            PacketError: ``short_header`` or ``bad_golomb_code``.
        """
        zeros = 0
        while not self.read_flag():
            zeros += 1
            if zeros > _MAX_LEADING_ZEROS:
                raise PacketError("bad_golomb_code")
        return (1 << zeros) - 1 + self.read(zeros)

    def read_se(self) -> int:
        """Return an Exp-Golomb code with a sign, ``se(v)``.

        Raises:
            PacketError: ``short_header`` or ``bad_golomb_code``.
        """
        code = self.read_ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)
