"""When each of many things is due, and which is due next."""

from heapq import heapify, heappop, heappush


class Deadlines:
    """One deadline per key. Moving one costs O(log n); stale entries are swept when they are the most."""

    __slots__ = ("_due_us", "_heap")

    def __init__(self) -> None:
        self._due_us: dict[int, int] = {}
        self._heap: list[tuple[int, int]] = []

    def set(self, key: int, due_us: int | None) -> None:
        """Set or move the deadline of ``key``; None removes it."""
        if due_us is None:
            self._due_us.pop(key, None)
        elif self._due_us.get(key) != due_us:
            self._due_us[key] = due_us
            heappush(self._heap, (due_us, key))
        if len(self._heap) > 2 * len(self._due_us) + 64:
            self._heap = [(due, key) for key, due in self._due_us.items()]
            heapify(self._heap)

    def next_us(self) -> int | None:
        """Return the earliest deadline, or None."""
        while self._heap:
            due_us, key = self._heap[0]
            if self._due_us.get(key) == due_us:
                return due_us
            heappop(self._heap)
        return None

    def pop_due(self, now_us: int) -> list[int]:
        """Return the keys whose deadline has come, each once, and remove them."""
        due: list[int] = []
        while (next_us := self.next_us()) is not None and next_us <= now_us:
            _, key = heappop(self._heap)
            del self._due_us[key]
            due.append(key)
        return due
