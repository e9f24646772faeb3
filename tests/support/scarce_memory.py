"""Rings that cannot have as many slots as they want."""

import pytest

from headrace.fanout.ring import Ring


class ScarceMemory:
    """Gives rings no more than so many slots.

    Args:
        monkeypatch: Ends it with the test.
        capacity: Most slots that can be had.
        is_late: There is memory for more, but none to move anything into them.

    Attributes:
        capacity: As given.
        asked: How often a ring asked for more.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capacity: int, *, is_late: bool = False) -> None:
        self.capacity = capacity
        self.asked = 0
        really = Ring._allocate

        def allocate(ring: Ring, capacity: int) -> None:
            if capacity > self.capacity:
                self.asked += 1
                if is_late:
                    really(ring, capacity)
                raise MemoryError
            really(ring, capacity)

        monkeypatch.setattr(Ring, "_allocate", allocate)
