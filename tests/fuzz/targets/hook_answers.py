"""What another service answers when it is asked who may come in: two bytes of status, and a body."""

from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.access.hook import MAX_ANSWER_BYTES, MAX_SECONDS, MAX_WHY_CHARACTERS, decode_answer

_PARTS: Final = (
    b"true", b"false", b"null", b"1e999", b"NaN", b'"', b"{", b"}", b"[" * 90, b"9" * 40, b"\\u0007", b"\xff",
    b'"allow":true,', b'"seconds":-1,', b'"code":2401,', b'"code":0,', b'"why":7,',
)  # fmt: skip


def run(data: bytes) -> int:
    """Decode it."""
    status, body = int.from_bytes(data[:2], "big"), data[2:]
    verdict = decode_answer(status, body)
    if verdict.denial is None:
        assert status == 200
        assert b"allow" in body
        assert b"true" in body
        assert verdict.seconds is None or 0 < verdict.seconds <= MAX_SECONDS
    else:
        assert verdict.denial.code in {2401, 2402, 2403, 2404, 2500}
        assert len(verdict.denial.why) <= MAX_WHY_CHARACTERS
        assert verdict.denial.why.isprintable()
    return len(data)


def seeds() -> list[bytes]:
    """Return answers of every kind."""
    good = (200).to_bytes(2, "big")
    bodies = (
        b'{"allow":true}',
        b'{"allow":true,"seconds":60}',
        b'{"allow":false,"code":2401,"why":"unpaid"}',
        b'{"allow":false}',
        b"<html>",
        b"",
    )
    return [*(good + body for body in bodies), (404).to_bytes(2, "big"), (302).to_bytes(2, "big") + b"x"]


def wrong(data: bytes, random: Random) -> bytes:
    """Return it with a piece too much, or a byte wrong."""
    if random.random() < 0.4:
        return make_wrong(data, random)
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_PARTS) + data[at + random.choice((0, 0, 1, 4)) :]


TARGET = Target(run, seeds, wrong, max_bytes=MAX_ANSWER_BYTES + 100)
