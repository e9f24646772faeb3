"""Whether a producer sends more than it may. A keyframe, or what a link lets out after a break, is no offence.

SRT has no word for "slower" that a live sender obeys: what is not acknowledged it sends again, and a full window
makes it throw away pictures. So who goes on beyond is told goodbye, with a reason that can be read.

Source: ``docs/decisions/0020-limits.md``.
"""

from typing import Final

from headrace.base.token_bucket import TokenBucket

BURST_SECONDS: Final = 4
"""So much of what the limit allows may come at once. At half the limit that is the whole of an outage of 8 s, the
longest latency, which a sender sends again as fast as it can."""


class BitrateLimit:
    """Watches one producer.

    Args:
        bits_per_second: It may send on average; 0 for no limit.
    """

    __slots__ = ("_bucket", "_counted_bytes")

    def __init__(self, bits_per_second: int) -> None:
        bytes_per_second = bits_per_second // 8
        self._bucket = TokenBucket(bytes_per_second, BURST_SECONDS * bytes_per_second) if bits_per_second else None
        self._counted_bytes = 0

    def is_exceeded(self, received_bytes: int, now_us: int) -> bool:
        """Return whether more has come than the limit allows.

        Args:
            received_bytes: All that has come so far.
            now_us: The time.
        """
        if self._bucket is None:
            return False
        newly_bytes = received_bytes - self._counted_bytes
        self._counted_bytes = received_bytes
        return not self._bucket.spend(newly_bytes, now_us)
