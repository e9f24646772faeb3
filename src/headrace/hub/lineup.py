"""Who of a channel's producers is on the air, who stands by, and whose turn it is.

Source: ``docs/decisions/0011-one-timeline.md``.
"""

from typing import Final

from headrace.hub.producer import Claim, Producer
from headrace.hub.received_totals import ReceivedTotals
from headrace.hub.standby import SILENCE_US, Standby

MAX_STANDBYS: Final = 4
"""A second and a third encoder, and one that has been killed and is not yet known to be gone. Each costs what it
has sent since its last keyframe."""


class Lineup:
    """The producers of one channel.

    Attributes:
        on_air: Whose packets the channel gets, or None.
        heard_us: When its newest packet came.
        standbys: The others, in the order in which they came.
        received: What came from those who were on the air.
    """

    __slots__ = ("heard_us", "on_air", "received", "standbys")

    def __init__(self) -> None:
        self.on_air: Producer | None = None
        self.heard_us = 0
        self.standbys: list[Standby] = []
        self.received = ReceivedTotals()

    def __bool__(self) -> bool:
        return self.on_air is not None or bool(self.standbys)

    @property
    def holder(self) -> Producer | None:
        """Whom a producer that asks for nothing special would have to wait for."""
        if self.on_air is not None and self.on_air.claim is not Claim.STAND_BY:
            return self.on_air
        waiting = (standby.producer for standby in self.standbys if standby.producer.claim is not Claim.STAND_BY)
        return next(waiting, None)

    def standby_of(self, producer: Producer) -> Standby | None:
        """Return what is held of ``producer``, or None when it does not stand by."""
        return next((standby for standby in self.standbys if standby.producer is producer), None)

    def stand_by(self, producer: Producer, now_us: int, *, is_demoted: bool = False) -> None:
        """Let ``producer`` wait for its turn; ``is_demoted`` where it was on the air and fell silent."""
        self.standbys.append(Standby(producer, now_us, is_demoted=is_demoted))

    def put_on_air(self, producer: Producer, now_us: int) -> None:
        """Let the channel get the packets of ``producer``."""
        self.on_air, self.heard_us = producer, now_us
        self.received.follow(producer)
        self.standbys = [standby for standby in self.standbys if standby.producer is not producer]

    def remove(self, producer: Producer) -> None:
        """Forget ``producer``, wherever it is."""
        if self.on_air is producer:
            self.on_air = None
            self.received.follow(None)
        self.standbys = [standby for standby in self.standbys if standby.producer is not producer]

    def is_silent(self, now_us: int) -> bool:
        """Return whether nothing has come from who is on the air for `SILENCE_US`."""
        return now_us - self.heard_us >= SILENCE_US

    def next_up(self, now_us: int) -> Standby | None:
        """Return whose turn it is now, or None: that of who is on the air."""
        for standby in self.standbys:
            if self._may_go_on_air(standby, now_us) and standby.start_index(now_us) is not None:
                return standby
        return None

    def _may_go_on_air(self, standby: Standby, now_us: int) -> bool:
        if self.on_air is None:
            return not standby.is_silent(now_us)
        if standby.waits_for_silence:
            return self.is_silent(now_us) and not standby.is_silent(now_us)
        return standby.producer.claim is Claim.TAKE_OVER or self.on_air.claim is Claim.STAND_BY
