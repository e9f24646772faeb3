"""By which way a channel's pictures go to browsers: as they come, or re-encoded where browsers cannot play them.

Source: ``docs/decisions/0025-re-encoding.md``.
"""

from typing import Final, Protocol

from headrace.remux.access_unit import AccessUnit

MAX_KEPT_UNITS: Final = 1_200
MAX_KEPT_BYTES: Final = 10_000_000
"""Since a keyframe: as much as a channel's backlog holds. A stream that has more begins at its next keyframe."""
MAX_AWAITED_UNITS: Final = 600
"""20 s of 30 pictures a second: who sends no keyframe in that time is not re-encoded, and is told so."""


class PictureRecoder(Protocol):
    """What re-encodes one channel's pictures, elsewhere; what it has made goes where its maker said."""

    @property
    def trouble(self) -> str | None:
        """Why nothing comes of what it is fed, for people; None if that is not so."""

    def feed(self, unit: AccessUnit) -> bool:
        """Take a picture, and wait for nothing; return whether it is re-encoded."""

    def end(self) -> None:
        """Re-encode nothing until it is fed again."""

    def facts(self) -> dict[str, int]:
        """Return what is told of it."""


class PictureRoute:
    """One channel's.

    The pictures since the newest keyframe are kept while they go as they are: the first B-frame comes after some
    others, and the encoder has to begin with what can be decoded.

    Args:
        recoder: Re-encodes; None lets all pictures go as they come.

    Attributes:
        is_recoded: Whether pictures are re-encoded.
    """

    __slots__ = ("_awaiting_units", "_kept", "_kept_bytes", "_recoder", "is_recoded")

    def __init__(self, recoder: PictureRecoder | None) -> None:
        self._recoder = recoder
        self._kept: list[AccessUnit] = []
        self._kept_bytes = 0
        self._awaiting_units = 0
        self.is_recoded = False

    @property
    def can_recode(self) -> bool:
        """Whether pictures that browsers cannot play are re-encoded, as soon as there is one to begin with."""
        is_in_time = self._awaiting_units < MAX_AWAITED_UNITS
        return is_in_time and self._recoder is not None and self._recoder.trouble is None

    @property
    def trouble(self) -> str | None:
        """Why browsers get nothing though there is something that re-encodes; None if that is not so."""
        return None if self._recoder is None else self._recoder.trouble

    def facts(self) -> dict[str, int] | None:
        """Return what is told of what is re-encoded; None where nothing is."""
        return self.so_far() if self.is_recoded else None

    def so_far(self) -> dict[str, int]:
        """Return the same of all so far, also while nothing is re-encoded; empty where nothing can be."""
        return {} if self._recoder is None else self._recoder.facts()

    def take(self, unit: AccessUnit, *, is_playable: bool) -> bool:
        """Take the next picture; return whether it goes to browsers as it is.

        Args:
            unit: The picture.
            is_playable: Whether browsers can play the stream.
        """
        if self._recoder is None:
            return True
        if is_playable:
            if self.is_recoded and not unit.is_keyframe:
                self._recoder.feed(unit)
                return False
            self._end_recoding()
            self._awaiting_units = 0
            self._keep(unit)
            return True
        for one in self._kept:
            self._recoder.feed(one)
        self._forget()
        self.is_recoded = self._recoder.feed(unit)
        self._awaiting_units = 0 if self.is_recoded else self._awaiting_units + 1
        return False

    def _end_recoding(self) -> None:
        if self.is_recoded and self._recoder is not None:
            self._recoder.end()
            self.is_recoded = False

    def _keep(self, unit: AccessUnit) -> None:
        if unit.is_keyframe:
            self._forget()
        elif not self._kept:
            return
        self._kept.append(unit)
        self._kept_bytes += sum(map(len, unit.data))
        if len(self._kept) > MAX_KEPT_UNITS or self._kept_bytes > MAX_KEPT_BYTES:
            self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0

    def close(self) -> None:
        """End what was begun."""
        if self._recoder is not None:
            self._recoder.end()
