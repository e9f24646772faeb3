"""Who is let into an endpoint, and who of those inside has to go: the gate's decisions for connections.

Source: ``docs/decisions/0019-who-may-do-what.md``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from headrace.access.ask import Ask, Verb
from headrace.access.directory import Directory
from headrace.access.gate import BAD_REQUEST, FORBIDDEN, UNAUTHORIZED, Denial, Gate, Grant
from headrace.access.hook import HookQuestion, question_of
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import ChannelIdError, PacketError
from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.hook_desk import HookDesk
from headrace.hub.failed_attempts import FailedAttempts
from headrace.netio.clock import unix_time_us
from headrace.srt.listener import ConnectionRequest
from headrace.srt.rejection import RejectReason
from headrace.srt.stream_id import AccessRequest, parse_stream_id

SWEEP_INTERVAL_US: Final = 1_000_000
"""How often grants that end by themselves are looked at: whoever holds one is let go so much later at most."""
VOUCHER_US: Final = 10_000_000
"""Our own caller shows it at once, and repeats itself for three seconds."""
_FAILURES: Final = frozenset({UNAUTHORIZED, FORBIDDEN})


class Admitted(NamedTuple):
    """Somebody may come in.

    Attributes:
        wanted: What the stream id asked for.
        grant: What lets it.
        question: What another service was asked about it, or None.
        host: Where it is, if it comes by way of a client of our own.
    """

    wanted: AccessRequest
    grant: Grant
    question: HookQuestion | None = None
    host: str | None = None


class Admissions:
    """Decides on requests, and remembers what those hold whose right can end.

    A public channel's subscribers hold nothing here: what is set for their channel is looked at when it changes.

    Args:
        directory: Who may do what; None while that is not known yet.
        unix_time_us: Tells the wall clock's time.

    Attributes:
        desk: Has another service asked; None where there is none.
        ended: How many had to go, by reason.
        told_to_wait: How many were not looked at because their host had failed too often.
    """

    __slots__ = (
        "_failed",
        "_gate",
        "_held",
        "_sweep_us",
        "_unix_time_us",
        "_vouchers",
        "desk",
        "ended",
        "told_to_wait",
    )

    def __init__(self, directory: Directory | None, unix_time_us: Callable[[], int] = unix_time_us) -> None:
        self._gate = None if directory is None else Gate(directory)
        self._unix_time_us = unix_time_us
        self._failed = FailedAttempts()
        self._held: dict[int, Grant] = {}
        self._sweep_us: int | None = None
        self.desk: HookDesk | None = None
        self._vouchers: dict[str, tuple[int, Admitted]] = {}
        self.ended: Counter[str] = Counter()
        self.told_to_wait = 0

    def ask(self, request: ConnectionRequest, now_us: int) -> Admitted | Denial | None:
        """Return whether a request is granted; None when the caller is to get no answer, and will ask again.

        A host that has failed often with the same key or token, or with many, is told to wait and not looked at.
        """
        if self._gate is None:
            return None
        try:
            wanted = parse_stream_id(request.stream_id)
            channel_id = check_channel_id(wanted.resource) if wanted.resource or not wanted.credential else None
        except PacketError as error:
            return Denial(BAD_REQUEST, error.reason)
        except ChannelIdError:
            # The error has the id as it came, in which anything may stand.
            return Denial(BAD_REQUEST, _explain_id(request.stream_id))
        vouched = self._vouchers.get(wanted.credential or "")
        if vouched is not None and now_us < vouched[0]:
            return vouched[1]
        if wanted.mode == "bidirectional":
            return Denial(int(RejectReason.BAD_MODE), "mode is publish or request")
        ask = Ask(Verb(wanted.mode), channel_id, wanted.credential)
        return self.decide(ask, wanted, request.address, now_us)

    def vouch(self, admitted: Admitted, voucher: str, now_us: int) -> None:
        """Admit whoever shows ``voucher`` within `VOUCHER_US` as was admitted: it is asked about once only."""
        self._vouchers = {one: known for one, known in self._vouchers.items() if now_us < known[0]}
        self._vouchers[voucher] = now_us + VOUCHER_US, admitted

    def decide(self, ask: Ask, wanted: AccessRequest, address: bytes, now_us: int) -> Admitted | Denial | None:
        """Return whether what somebody asks for is granted; None while that is not known.

        Args:
            ask: What it asks for.
            wanted: The same as a stream id would say it.
            address: Where it comes from, 28 bytes.
            now_us: The time.
        """
        if self._gate is None:
            return None
        answer = self._decide(self._gate, ask, address, now_us)
        if isinstance(answer, Denial) or self.desk is None:
            return answer if isinstance(answer, Denial) else Admitted(wanted, answer)
        return self._ask_service(Admitted(wanted, answer), self.desk, address, now_us)

    def _ask_service(
        self, admitted: Admitted, desk: HookDesk, address: bytes, now_us: int
    ) -> Admitted | Denial | None:
        wanted, grant, *_ = admitted
        host = format_sockaddr(address).rpartition(":")[0].strip("[]")
        question = question_of(grant, host, wanted.user, wanted.credential)
        verdict = desk.ask(question, now_us)
        if verdict is None or verdict.denial is not None:
            return None if verdict is None else verdict.denial
        if verdict.ends_us is not None:
            # Rounded up: nobody goes before what the service has said.
            ends_unix_s = -(-(self._unix_time_us() + verdict.ends_us - now_us) // 1_000_000)
            ends_unix_s = min(ends_unix_s, grant.expires_unix_s or ends_unix_s)
            grant = replace(grant, expires_unix_s=ends_unix_s)
        return Admitted(wanted, grant, question)

    def _decide(self, gate: Gate, ask: Ask, address: bytes, now_us: int) -> Grant | Denial:
        if ask.verb is Verb.REQUEST:
            # Who watches what is public waits for nobody's mistakes, and has not shown to be right either.
            answer = gate.ask(replace(ask, credential=None), self._unix_s())
            if ask.credential is None or isinstance(answer, Grant):
                return answer
        thing = f"{ask.verb} {ask.channel_id} {ask.credential}".encode()
        wait_us = self._failed.wait_us(address, thing, now_us)
        if wait_us:
            self.told_to_wait += 1
            return told_to_wait(wait_us)
        answer = gate.ask(ask, self._unix_s())
        if not isinstance(answer, Denial):
            self._failed.note_success(address, thing)
        elif answer.code in _FAILURES:
            self._failed.note_failure(address, thing, now_us, is_guess=answer.is_guess)
        return answer

    def _unix_s(self) -> int:
        return self._unix_time_us() // 1_000_000

    def enter(self, socket_id: int, admitted: Admitted, now_us: int, *, is_held: bool = False) -> None:
        """Remember what a new connection holds: always, or if that can end other than with its channel's rule."""
        grant = admitted.grant
        if self.desk is not None and admitted.question is not None:
            self.desk.enter(socket_id, admitted.question, now_us)
        can_end = grant.verb is Verb.PUBLISH or grant.token_key is not None or grant.expires_unix_s is not None
        if is_held or can_end:
            self._held[socket_id] = grant
        if grant.expires_unix_s is not None and self._sweep_us is None:
            self._sweep_us = now_us + SWEEP_INTERVAL_US

    def leave(self, socket_id: int, now_us: int) -> None:
        """Forget what a connection held that has ended."""
        self._held.pop(socket_id, None)
        if self.desk is not None:
            self.desk.leave(socket_id, now_us)

    def use(self, directory: Directory, channel_ids: Iterable[str]) -> dict[str, str]:
        """Decide by ``directory`` from now on.

        Returns:
            Of ``channel_ids`` those whose subscribers have to go, but for those who hold a grant of their own, and
            why. Who has to go of those who do is what `end_held` returns.
        """
        before, self._gate = self._gate, Gate(directory)
        if before is None:
            return {}
        ended: dict[str, str] = {}
        for channel_id in channel_ids:
            rule = before.rule(channel_id)
            if rule is None or rule == self._gate.rule(channel_id):
                continue
            reason = self._gate.ended(Grant(Verb.REQUEST, rule), 0)
            if reason is not None:
                ended[channel_id] = reason
        return ended

    def is_without_grant(self, socket_id: int) -> bool:
        """Return whether a connection goes by what is set for its channel, and has no grant of its own."""
        return socket_id not in self._held

    def end_held(self) -> dict[int, str]:
        """Return the connections whose own grants hold no longer, once, and why."""
        return self._end(self._held)

    def _end(self, held: Mapping[int, Grant]) -> dict[int, str]:
        if self._gate is None:
            return {}
        unix_s, gate = self._unix_s(), self._gate
        reasons = {socket_id: gate.ended(grant, unix_s) for socket_id, grant in held.items()}
        ended = {socket_id: reason for socket_id, reason in reasons.items() if reason is not None}
        for socket_id in ended:
            del self._held[socket_id]
        return ended

    def handle_timer(self, now_us: int) -> dict[int, str]:
        """Return the connections whose tokens have expired, once, and why; nothing while that is not due."""
        if self._sweep_us is None or now_us < self._sweep_us:
            return {}
        unix_s = self._unix_s()
        expiring = [(one, grant) for one, grant in self._held.items() if grant.expires_unix_s is not None]
        self._sweep_us = now_us + SWEEP_INTERVAL_US if expiring else None
        return self._end({one: grant for one, grant in expiring if (grant.expires_unix_s or 0) <= unix_s})

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._sweep_us


def told_to_wait(wait_us: int) -> Denial:
    """Return the denial for who has failed too often, and is to wait so long."""
    seconds = -(-wait_us // 1_000_000)
    return Denial(int(RejectReason.OVERLOAD), f"too many failed attempts from this address: wait {seconds} s")


def _explain_id(stream_id: str) -> str:
    if stream_id.startswith("%23"):
        return "the stream id is percent-encoded, which nothing here decodes: give it as it is"
    return "the stream id names no channel id: letters, digits and . _ ~ - only, a letter or digit first"
