"""What one subscriber of the soak is to do."""

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from bench.soak.soak_channel import SoakChannel

STAY_US: Final = 5_000_000, 60_000_000
TIMED_EVERY: Final = 10
LOSSY_EVERY: Final = 3
"""Of those that are not timed."""


class Leaving(Enum):
    """How a subscriber leaves."""

    SHUTDOWN = "said goodbye"
    VANISH = "vanished"
    MUTE = "went mute"


@dataclass(frozen=True, slots=True)
class Visit:
    """What one subscriber is to do.

    Attributes:
        channel: What it wants.
        stay_us: How long it stays.
        leaving: How it leaves.
        is_lossy: It is behind a bad link.
        is_timed: It measures latency; not behind a bad link.
    """

    channel: SoakChannel
    stay_us: int
    leaving: Leaving
    is_lossy: bool
    is_timed: bool


def make_visit(place: int, channels: list[SoakChannel], random: Random) -> Visit:
    """Return the next visit at one of the places in the crowd, which are spread over the channels."""
    group, at = divmod(place, len(channels))
    is_timed = group % TIMED_EVERY == 0
    return Visit(
        channel=channels[at],
        stay_us=random.randint(*STAY_US),
        leaving=random.choice(list(Leaving)),
        is_lossy=not is_timed and group % LOSSY_EVERY == 0,
        is_timed=is_timed,
    )
