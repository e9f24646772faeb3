"""What another service is asked before somebody is let in, and what it may answer. JSON both ways.

Source: ``docs/operate/access.md``, "another service decides".
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from headrace.access.ask import Verb
from headrace.access.gate import FORBIDDEN, NOT_FOUND, OVERLOAD, UNAUTHORIZED, Denial, Grant

QUESTION_VERSION: Final = 1
MAX_ANSWER_BYTES: Final = 4096
MAX_WHY_CHARACTERS: Final = 200
"""It goes into the log."""
MAX_SECONDS: Final = 366 * 24 * 3600
DENIAL_CODES: Final = frozenset({UNAUTHORIZED, OVERLOAD, FORBIDDEN, NOT_FOUND})
INTERNAL_ERROR: Final = 2500

_CODES_OF_STATUS: Final = {401: UNAUTHORIZED, 403: FORBIDDEN, 404: NOT_FOUND, 429: OVERLOAD, 503: OVERLOAD}
_EVENTS: Final = {Verb.PUBLISH: "publish", Verb.REQUEST: "subscribe"}


@dataclass(frozen=True, slots=True)
class HookQuestion:
    """May somebody in?

    Attributes:
        verb: To do what.
        channel_id: With which channel.
        host: From which address, without the port.
        key_id: Number of the stream key that lets it, or None.
        token_id: Claim ``jti`` of the token that lets it, or None.
        user: What stood in the stream id as the user, or None.
        credential_sha256: Of the key, token or password that came, in hexadecimal digits; None for nothing. The
            service keeps hashes of what it gave out. What came is not told to anybody: whoever reads the service's
            log could stream with it.
    """

    verb: Verb
    channel_id: str
    host: str
    key_id: int | None = None
    token_id: str | None = None
    user: str | None = None
    credential_sha256: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HookVerdict:
    """What the service said.

    Attributes:
        denial: Why not; None for yes.
        seconds: How long it may stay, from when this was said; None for as long as it likes.
        ends_us: When they are over; None for never, and in an answer that nobody has taken yet.
    """

    denial: Denial | None = None
    seconds: int | None = None
    ends_us: int | None = None


def question_of(grant: Grant, host: str, user: str | None, credential: str | None) -> HookQuestion:
    """Return the question whether what was granted here may be."""
    digest = None if credential is None else sha256(credential.encode()).hexdigest()
    return HookQuestion(grant.verb, grant.channel_id, host, grant.key_id, grant.token_id, user, digest)


def encode_question(question: HookQuestion) -> bytes:
    """Return ``question`` as JSON."""
    return _encode(_EVENTS[question.verb], question, {})


def encode_end(question: HookQuestion, duration_us: int) -> bytes:
    """Return the message, as JSON, that who was let in by ``question`` has gone after ``duration_us``."""
    return _encode("end", question, {"of": _EVENTS[question.verb], "seconds": round(duration_us / 1e6, 1)})


def _encode(event: str, question: HookQuestion, more: dict[str, object]) -> bytes:
    facts = {
        "version": QUESTION_VERSION,
        "event": event,
        **more,
        "channel": question.channel_id,
        "address": question.host,
        "key_id": question.key_id,
        "token_id": question.token_id,
        "user": question.user,
        "credential_sha256": question.credential_sha256,
    }
    return json.dumps(facts).encode()


def decode_answer(status: int, body: bytes) -> HookVerdict:
    """Return what an answer says. Whatever is not clearly a yes is a no; never raises.

    Args:
        status: Of HTTP: 200 with a body that says, 401, 403, 404, 429 or 503 whatever the body says.
        body: ``{"allow": true}``, perhaps with ``"seconds"``; or false, perhaps with ``"code"`` and ``"why"``.
    """
    if status in _CODES_OF_STATUS:
        return denied(_CODES_OF_STATUS[status], f"the hook answered with status {status}")
    if status != 200 or len(body) > MAX_ANSWER_BYTES:
        return denied(INTERNAL_ERROR, f"the hook's answer cannot be used: status {status}, {len(body)} bytes")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return denied(INTERNAL_ERROR, "the hook's answer is no JSON")
    if not isinstance(answer, dict) or not isinstance(answer.get("allow"), bool):
        return denied(INTERNAL_ERROR, 'the hook\'s answer has no "allow" that is true or false')
    return _allowed(answer) if answer["allow"] else _refused(answer)


def denied(code: int, why: str) -> HookVerdict:
    """Return a no."""
    return HookVerdict(Denial(code, why))


def _allowed(answer: dict[str, Any]) -> HookVerdict:
    seconds = answer.get("seconds")
    if seconds is None:
        return HookVerdict()
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds <= MAX_SECONDS:
        return denied(INTERNAL_ERROR, f'"seconds" in the hook\'s answer is no number from 1 to {MAX_SECONDS}')
    return HookVerdict(seconds=seconds)


def _refused(answer: dict[str, Any]) -> HookVerdict:
    code, why = answer.get("code", FORBIDDEN), answer.get("why", "the hook said no")
    if isinstance(code, bool) or not isinstance(code, int) or code not in DENIAL_CODES:
        code = FORBIDDEN
    if not isinstance(why, str) or not why.isprintable():
        why = "the hook said no"
    return denied(code, why[:MAX_WHY_CHARACTERS])
