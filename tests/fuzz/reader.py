"""Reads an input as a script: every byte string is one, so that a change of some bytes changes some steps."""


class Reader:
    """Takes numbers and bytes from an input; past its end everything is 0.

    Args:
        data: The input.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether all has been read."""
        return self._at >= len(self._data)

    def below(self, limit: int) -> int:
        """Return a number from 0 to before ``limit``, of one byte."""
        return self.number(1) % limit

    def number(self, width: int) -> int:
        """Return a number of so many bytes."""
        return int.from_bytes(self.take(width).ljust(width, b"\0"), "big")

    def word(self, *seqnos: int) -> int:
        """Return a word of a control packet: near one of ``seqnos``, alone or as the first of a range, or any."""
        kind, step = self.below(2 * len(seqnos) + 2), self.number(1) - 64
        if kind >= 2 * len(seqnos):
            return step & 0xFFFF_FFFF if kind % 2 else self.number(4)
        seqno = (seqnos[kind // 2] + step) & 0x7FFF_FFFF
        return seqno | 1 << 31 if kind % 2 else seqno

    def take(self, count: int) -> bytes:
        """Return up to ``count`` bytes."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
