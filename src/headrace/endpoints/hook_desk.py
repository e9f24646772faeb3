"""Where an endpoint has another service asked about who comes, and told who goes.

Source: ``docs/decisions/0019-who-may-do-what.md``.
"""

from collections import Counter
from typing import Protocol

from headrace.access.hook import HookQuestion, HookVerdict
from headrace.access.verdicts import Verdicts


class Hook(Protocol):
    """Carries messages to the service, and waits for nothing: `headrace.service.admission_hook.AdmissionHook`."""

    def ask(self, question: HookQuestion) -> None:
        """Have the service asked; what it says comes back in its time."""

    def tell_end(self, question: HookQuestion, duration_us: int) -> None:
        """Have it told that who was let in by ``question`` has gone."""


class HookDesk:
    """Knows what the service has said, and of which connections.

    Args:
        hook: Carries the messages.
        kept_us: How long what was said holds for the same question.

    Attributes:
        answers: How often the service said what: ``allowed``, or the code of a refusal.
    """

    __slots__ = ("_hook", "_inside", "_verdicts", "answers")

    def __init__(self, hook: Hook, kept_us: int) -> None:
        self._hook = hook
        self._verdicts = Verdicts(kept_us)
        self._inside: dict[int, tuple[HookQuestion, int]] = {}
        self.answers: Counter[str] = Counter()

    def ask(self, question: HookQuestion, now_us: int) -> HookVerdict | None:
        """Return what was said to ``question``; None while that is not known."""
        verdict = self._verdicts.ask(question, now_us)
        for new in self._verdicts.poll_questions():
            self._hook.ask(new)
        return verdict

    def handle_verdict(self, question: HookQuestion, verdict: HookVerdict, now_us: int) -> None:
        """Take what the service has said."""
        self.answers["allowed" if verdict.denial is None else str(verdict.denial.code)] += 1
        self._verdicts.handle_verdict(question, verdict, now_us)

    def enter(self, socket_id: int, question: HookQuestion, now_us: int) -> None:
        """Note that who was asked about has a connection."""
        self._inside[socket_id] = question, now_us

    def leave(self, socket_id: int, now_us: int) -> None:
        """Have the service told that a connection has ended, if it was asked about it."""
        question, entered_us = self._inside.pop(socket_id, (None, 0))
        if question is not None:
            self._hook.tell_end(question, now_us - entered_us)
