"""What one subscriber has of its packets: which are missing, and what became of those.

Source: draft-sharabayko-srt, 4.8.2.
"""

from typing import Final

GIVE_UP_US: Final = 2_000_000
"""Four times the latency that subscribers ask for. The broker gives up after that latency, and has to say so."""


class Gaps:
    """Follows packet indices as they come.

    Args:
        first_index: Of the first packet that is owed.

    Attributes:
        next_index: One past the newest that came.
        missing: When each packet was passed over; oldest first.
        received_packets: Different ones that came.
        recovered_packets: Those of them that had been passed over.
    """

    __slots__ = ("missing", "next_index", "received_packets", "recovered_packets")

    def __init__(self, first_index: int) -> None:
        self.next_index = first_index
        self.missing: dict[int, int] = {}
        self.received_packets = 0
        self.recovered_packets = 0

    @property
    def acknowledged_index(self) -> int:
        """The first packet that has not come."""
        return next(iter(self.missing), self.next_index)

    def take_run(self, packets: int) -> None:
        """Note that the next so many came in order."""
        self.next_index += packets
        self.received_packets += packets

    def take(self, index: int, now_us: int) -> bool:
        """Note one packet; return whether it is newer than all before."""
        if index >= self.next_index:
            for passed in range(self.next_index, index):
                self.missing[passed] = now_us
            self.next_index = index + 1
            self.received_packets += 1
            return True
        if self.missing.pop(index, None) is not None:
            self.received_packets += 1
            self.recovered_packets += 1
        return False

    def drop(self, first_index: int, last_index: int) -> int:
        """Note that a range will not come; return how many of it were missing."""
        gone = [index for index in self.missing if first_index <= index <= last_index]
        for index in gone:
            del self.missing[index]
        return len(gone)

    def give_up(self, now_us: int) -> int:
        """Wait no longer for what has been missing for too long; return how many that are."""
        lost = [index for index, since_us in self.missing.items() if now_us - since_us >= GIVE_UP_US]
        for index in lost:
            del self.missing[index]
        return len(lost)

    def ranges(self) -> list[tuple[int, int]]:
        """Return what is missing as first and last indices."""
        found: list[tuple[int, int]] = []
        for index in self.missing:
            if found and found[-1][1] == index - 1:
                found[-1] = found[-1][0], index
            else:
                found.append((index, index))
        return found
