"""Who has failed of late, and how long it is to wait before it is looked at again: longer with each failure.

What waits is a host with what it tries, so that nobody else behind its address does: not who watches what is
public, not the other cameras of a site. A host that fails with ever different things waits with all that it tries,
but for what has been right before.

Source: ``docs/decisions/0020-limits.md``.
"""

from collections import OrderedDict
from hashlib import blake2s
from typing import Final, NamedTuple

from headrace.base.hosts import host_number

FREE_FAILURES: Final = 3
"""Typed wrong, typed wrong again, pasted: nobody waits for that."""
FREE_THINGS: Final = 16
"""Different things that one host may fail with: all cameras of a site on the day that its keys were changed."""
FIRST_WAIT_US: Final = 1_000_000
MAX_WAIT_US: Final = 60_000_000
"""A guess a minute. Who waits that long and has been given a good key meanwhile has to wait no longer: that is
another thing."""
FORGET_US: Final = 600_000_000
"""Ten minutes after the last failure it is as if there had been none."""
MAX_REMEMBERED: Final = 16_384
"""Hosts, things that failed, and things that were right: 8 MB. Of more the longest unheard of are forgotten."""


class _Failures(NamedTuple):
    times: int
    last_us: int


class _Memory:
    """How often each key has failed; of bounded size."""

    __slots__ = ("_failures", "_free")

    def __init__(self, free: int) -> None:
        self._free = free
        self._failures: OrderedDict[bytes, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait_us(self, key: bytes, now_us: int) -> int:
        known = self._failures.get(key)
        if known is None or known.times <= self._free:
            return 0
        doublings = min(known.times - self._free - 1, 16)
        return max(0, known.last_us + min(FIRST_WAIT_US << doublings, MAX_WAIT_US) - now_us)

    def note(self, key: bytes, now_us: int) -> bool:
        """Count a failure; return whether it is the first."""
        known = self._failures.pop(key, None)
        if known is not None and now_us - known.last_us >= FORGET_US:
            known = None
        self._failures[key] = _Failures(1 if known is None else known.times + 1, now_us)
        if len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return known is None

    def forget(self, key: bytes) -> None:
        self._failures.pop(key, None)


class FailedAttempts:
    """Remembers failures by host and by what was tried."""

    __slots__ = ("_hosts", "_proven", "_things")

    def __init__(self) -> None:
        self._things = _Memory(FREE_FAILURES)
        self._hosts = _Memory(FREE_THINGS)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        """Hosts and things that are remembered."""
        return len(self._things) + len(self._hosts) + len(self._proven)

    def wait_us(self, address: bytes, thing: bytes, now_us: int) -> int:
        """Return how long the host of ``address`` has to wait before ``thing`` is looked at again.

        Args:
            address: 28 bytes.
            thing: What it tries: anything that is the same when it tries the same. Only a digest is kept.
            now_us: The time.
        """
        host = _host(address)
        key = _digest(host, thing)
        of_host_us = 0 if key in self._proven else self._hosts.wait_us(host, now_us)
        return max(self._things.wait_us(key, now_us), of_host_us)

    def note_failure(self, address: bytes, thing: bytes, now_us: int, *, is_guess: bool = True) -> None:
        """Note that ``thing`` was looked at, and was wrong; what is no guess does not count against its host."""
        host = _host(address)
        key = _digest(host, thing)
        self._proven.pop(key, None)
        if self._things.note(key, now_us) and is_guess:
            self._hosts.note(host, now_us)

    def note_success(self, address: bytes, thing: bytes) -> None:
        """Note that ``thing`` was right: the host has no failures any more, nor has what it tried."""
        host = _host(address)
        key = _digest(host, thing)
        self._things.forget(key)
        self._hosts.forget(host)
        self._proven[key] = None
        self._proven.move_to_end(key)
        if len(self._proven) > MAX_REMEMBERED:
            self._proven.popitem(last=False)


def _host(address: bytes) -> bytes:
    return host_number(address).to_bytes(8, "big")


def _digest(host: bytes, thing: bytes) -> bytes:
    return blake2s(host + thing, digest_size=16).digest()
