"""What a hook has said, for as long as that holds, and what it is being asked.

A caller whose question is out gets no answer. It repeats itself after 250 ms, and what was said by then decides.
"""

from collections import Counter, OrderedDict
from dataclasses import replace
from typing import Final

from headrace.access.gate import OVERLOAD
from headrace.access.hook import DENIAL_CODES, HookQuestion, HookVerdict, denied
from headrace.base.hosts import host_number
from headrace.base.sockaddr import encode_sockaddr

MAX_PENDING: Final = 256
"""Questions that are out. A service that takes 100 ms for each, eight at a time, answers the last after 3 s, and
callers wait no longer."""
MAX_PENDING_PER_HOST: Final = 32
"""Of these those about callers of one host, so that it takes eight to fill the queue. The next caller waits, as
one does whose question is out, until one of them has been answered: the same service answers 240 within the time
that callers wait, so a school behind one address comes in all the same."""
MAX_KEPT: Final = 4096
"""Verdicts, the oldest of which are forgotten: 2 MiB."""
PENDING_LIFETIME_US: Final = 10_000_000
"""Whoever asks the service must have given up by then; a question that got lost on the way is asked again."""
MIN_KEPT_US: Final = 3_000_000
"""The caller that a verdict is for repeats itself within that time, or has given up."""
FAILURE_KEPT_US: Final = 2_000_000
"""The service could not be asked, or talked nonsense: it is spared callers in a loop, and tried again soon."""


class Verdicts:
    """Keeps what a hook has said.

    Args:
        kept_us: How long a verdict holds for others that ask the same, at least `MIN_KEPT_US`; a yes for some
            seconds no longer than these.
    """

    __slots__ = ("_kept", "_kept_us", "_new", "_pending", "_pending_of_hosts")

    def __init__(self, kept_us: int) -> None:
        self._kept_us = max(kept_us, MIN_KEPT_US)
        self._kept: OrderedDict[HookQuestion, tuple[int, HookVerdict]] = OrderedDict()
        self._pending: OrderedDict[HookQuestion, int] = OrderedDict()
        self._pending_of_hosts: Counter[int] = Counter()
        self._new: list[HookQuestion] = []

    def ask(self, question: HookQuestion, now_us: int) -> HookVerdict | None:
        """Return what was said to ``question``, or None while it is out or has to wait.

        A yes for some seconds has the time when they are over: whoever comes later gets what is left of them.
        """
        until_us, verdict = self._kept.get(question, (now_us, None))
        if verdict is not None and now_us < until_us:
            return verdict
        self._drop_lost(now_us)
        if question not in self._pending:
            if len(self._pending) >= MAX_PENDING:
                return denied(OVERLOAD, "the hook has too many questions to answer")
            if self._pending_of_hosts[_host(question)] >= MAX_PENDING_PER_HOST:
                return None
            self._pending[question] = now_us
            self._pending_of_hosts[_host(question)] += 1
            self._new.append(question)
        return None

    def _drop_lost(self, now_us: int) -> None:
        while self._pending:
            question, asked_us = next(iter(self._pending.items()))
            if now_us - asked_us < PENDING_LIFETIME_US:
                return
            self._drop(question)

    def _drop(self, question: HookQuestion) -> None:
        """Note that a question is not out any more."""
        if self._pending.pop(question, None) is None:
            return
        host = _host(question)
        self._pending_of_hosts[host] -= 1
        if not self._pending_of_hosts[host]:
            del self._pending_of_hosts[host]

    def poll_questions(self) -> list[HookQuestion]:
        """Return what the service is to be asked, once."""
        new, self._new = self._new, []
        return new

    def handle_verdict(self, question: HookQuestion, verdict: HookVerdict, now_us: int) -> None:
        """Keep what was said."""
        self._drop(question)
        said = verdict.denial is None or verdict.denial.code in DENIAL_CODES - {OVERLOAD}
        until_us = now_us + (self._kept_us if said else FAILURE_KEPT_US)
        if verdict.seconds is not None:
            # Not even for `MIN_KEPT_US` longer: its caller would come in when it has to go already.
            ends_us = now_us + 1_000_000 * verdict.seconds
            verdict = replace(verdict, ends_us=ends_us)
            until_us = min(until_us, ends_us)
        self._kept.pop(question, None)
        self._kept[question] = until_us, verdict
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def _host(question: HookQuestion) -> int:
    return host_number(encode_sockaddr(question.host, 0))
