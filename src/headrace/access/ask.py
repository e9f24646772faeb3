"""What somebody asks for: to publish or to watch which channel, with what to show for it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Verb(StrEnum):
    """What is asked for, in the words of SRT's access control."""

    REQUEST = "request"
    """To watch."""
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks for.

    Attributes:
        verb: To do what.
        channel_id: With which channel; None for the one that the credential is for.
        credential: A stream key, a token or whatever else came; None for nothing.
    """

    verb: Verb
    channel_id: str | None
    credential: str | None = field(default=None, repr=False)
