"""Which simulcast layer of a producer is the channel's: the best that comes, changed as seldom as may be.

A browser sends its smaller layers alone while its link bears no more, and stops a layer without a word.

Source: ``docs/decisions/0024-layers.md``.
"""

from typing import Final

FIRST_WAIT_US: Final = 1_000_000
"""Layers that have not come by then are not waited for: the channel begins with the best that is there."""
DEAD_US: Final = 700_000
"""A layer that has been silent for so long while another one came has been stopped."""
STEP_US: Final = 100_000
"""A pause in all layers is no layer's: of one that is longer so much counts."""
BETTER_FOR_US: Final = 2_000_000
"""A better layer takes the place of a lower one when it has come for so long."""


class LayerChoice:
    """Chooses among layers.

    Args:
        rids: Their names, in the sender's order of preference.

    Attributes:
        main: The channel's; None before it has begun.
        wanted: What is to be the channel's from its next keyframe on; None before that is known.
    """

    __slots__ = (
        "_alive_us",
        "_areas",
        "_first_us",
        "_heard_us",
        "_newest_us",
        "_passed_us",
        "_rids",
        "main",
        "wanted",
    )

    def __init__(self, rids: tuple[str, ...]) -> None:
        self._rids = rids
        self._areas: dict[str, int] = {}
        # In the time that passes while anything comes.
        self._heard_us: dict[str, int] = {}
        self._alive_us: dict[str, int] = {}
        self._first_us: int | None = None
        self._newest_us: int | None = None
        self._passed_us = 0
        self.main: str | None = None
        self.wanted: str | None = None

    @property
    def ranking(self) -> list[str]:
        """Layers of which there have been pictures, the best first: the largest, else as the sender prefers."""
        return sorted(self._areas, key=lambda rid: (-self._areas[rid], self._rids.index(rid)))

    @property
    def offered(self) -> list[str]:
        """What viewers may choose from now: the channel's layer, and the worse ones that come."""
        alive = [rid for rid in self.ranking if self.is_alive(rid)]
        return alive[alive.index(self.main) :] if self.main in alive else alive

    def is_alive(self, rid: str) -> bool:
        """Return whether a layer comes, as far as anything does."""
        return rid in self._heard_us and self._passed_us - self._heard_us[rid] <= DEAD_US

    def note_heard(self, rid: str, now_us: int) -> None:
        """Note that a packet of a layer has come."""
        self._passed_us += 0 if self._newest_us is None else min(STEP_US, now_us - self._newest_us)
        self._newest_us = now_us
        if not self.is_alive(rid):
            self._alive_us[rid] = self._passed_us
        self._heard_us[rid] = self._passed_us

    def note_picture(self, rid: str, size: tuple[int, int] | None, now_us: int) -> None:
        """Note that a picture of a layer is whole, and what is to be the channel's now."""
        self._areas[rid] = 0 if size is None else size[0] * size[1]
        if self._first_us is None:
            self._first_us = now_us
        alive = [one for one in self.ranking if self.is_alive(one)]
        if not alive:
            return
        best = alive[0]
        if self.main is None:
            if len(self._areas) == len(self._rids) or now_us - self._first_us >= FIRST_WAIT_US:
                self.wanted = best
        elif self.main not in alive or self._passed_us - self._alive_us[best] >= BETTER_FOR_US:
            self.wanted = best
        else:
            self.wanted = self.main

    def begin(self, rid: str) -> None:
        """Have a layer be the channel's from now on: a keyframe of it has come."""
        self.main = self.wanted = rid
