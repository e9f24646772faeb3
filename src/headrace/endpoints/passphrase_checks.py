"""Whether callers have their channel's passphrase; who keeps coming with a wrong one waits longer and longer.

A passphrase is chosen by people and so can be guessed, other than a stream key; and each check takes a
millisecond.

Source: ``docs/decisions/0020-limits.md``.
"""

from headrace.access.gate import Denial, Grant
from headrace.endpoints.admissions import told_to_wait
from headrace.hub.failed_attempts import FailedAttempts
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.listener import ConnectionRequest
from headrace.srt.rejection import RejectReason, explain_rejection
from headrace.srt.session_keys import SessionKeys


class PassphraseChecks:
    """Compares what callers have with what is set.

    Attributes:
        told_to_wait: How many were not looked at because their host had failed too often.
    """

    __slots__ = ("_failed", "told_to_wait")

    def __init__(self) -> None:
        self._failed = FailedAttempts()
        self.told_to_wait = 0

    def agree(self, request: ConnectionRequest, grant: Grant, now_us: int) -> SessionKeys | Denial | None:
        """Return the keys of the connection, None for one without encryption, or the refusal.

        What waits is a host with what lets it in: an encoder that has it wrong does not hold up who watches, nor
        one viewer's token another's.
        """
        address, rule = request.address, grant.rule
        thing = f"{grant.verb} {rule.channel_id} {grant.key_id} {grant.token_id}".encode()
        is_tried = request.handshake.key_material is not None and rule.passphrase is not None
        wait_us = self._failed.wait_us(address, thing, now_us) if is_tried else 0
        if wait_us:
            self.told_to_wait += 1
            return told_to_wait(wait_us)
        keys = agree_on_keys(request.handshake, rule.passphrase, is_enforced=rule.is_encryption_enforced)
        if isinstance(keys, RejectReason):
            if keys is RejectReason.BAD_SECRET:
                self._failed.note_failure(address, thing, now_us)
            return Denial(int(keys), explain_rejection(keys))
        if is_tried:
            self._failed.note_success(address, thing)
        return keys
