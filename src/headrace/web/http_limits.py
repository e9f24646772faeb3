"""How much each host may ask: so much a second, and so much at once after a pause.

Source: ``docs/operate/http.md``, "limits".
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.base.token_bucket import TokenBucket
from headrace.web.peer_host import number_of, peer_host
from headrace.web.problems import problem

REQUESTS_PER_SECOND: Final = 100
REQUESTS_AT_ONCE: Final = 500
"""A school behind one address opens its pages: each takes some 25 files, once."""
CHANGE_COST: Final = 10
"""What opens a session or changes something counts as so many."""
MAX_HOSTS: Final = 10_000
"""Remembered; the one that has been silent for longest is forgotten, and begins with a full bucket: 4 MB."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostLimits:
    """Remembers how much each host has asked.

    Attributes:
        counts: ``requests`` that were answered, and those ``refused``.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[int, TokenBucket] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def afford(self, host: str, cost: int, now_us: int) -> bool:
        """Return whether ``host`` may ask something of that cost now."""
        number = number_of(host)
        bucket = self._buckets.pop(number, None) or TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
        self._buckets[number] = bucket
        if len(self._buckets) > MAX_HOSTS:
            self._buckets.popitem(last=False)
        is_granted = bucket.afford(cost, now_us)
        self.counts["requests" if is_granted else "refused"] += 1
        return is_granted


class RequestLimits:
    """Answers 429 to hosts that ask too much.

    Args:
        app: What is inside.
        limits: Counts.
        now_us: Tells the time.
    """

    def __init__(self, app: ASGIApp, limits: HostLimits, now_us: Callable[[], int]) -> None:
        self._app = app
        self._limits = limits
        self._now_us = now_us

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        cost = 1 if scope.get("method") in _READING else CHANGE_COST
        if self._limits.afford(peer_host(HTTPConnection(scope)), cost, self._now_us()):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = problem(
                429, "too many requests from this address: wait a second", headers={"Retry-After": "1"}
            )
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1013, "reason": "too many requests from this address"})
