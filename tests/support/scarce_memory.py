"""Rings that cannot have as many slots as they want."""

import pytest

from headrace.fanout.ring import Ring


class ScarceMemory:
    """Gives rings no more than so many slots.

    Attributes:
        capacity: Most slots that can be had.
        asked: How often a ring asked for more.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capacity: int) -> None:
        self.capacity = capacity
        self.asked = 0
        really = Ring._allocate

        def allocate(ring: Ring, capacity: int) -> None:
            if capacity > self.capacity:
                self.asked += 1
                raise MemoryError
            really(ring, capacity)

        monkeypatch.setattr(Ring, "_allocate", allocate)
