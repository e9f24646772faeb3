"""What a person can do about a refusal, as the end of a line that says why."""

from headrace.srt.rejection import ConnectionRejectedError, RejectReason

PASSPHRASE_HINT = ": the channel's passphrase goes into --passphrase-file FILE or PASSPHRASE"  # noqa: S105 - a sentence


def watch_hint(failure: BaseException) -> str:
    """Return what to do about why a subscription has ended, empty where there is nothing to add."""
    if not isinstance(failure, ConnectionRejectedError):
        return ""
    match failure.code:
        case RejectReason.UNAUTHORIZED:
            return (
                ": a private channel wants a token that is still good, in --token-file FILE or TOKEN; "
                "'headrace tokens new' makes one"
            )
        case RejectReason.FORBIDDEN:
            return ": the token is for something else, or the broker's hook said no"
        case RejectReason.BAD_SECRET | RejectReason.UNSECURE:
            return PASSPHRASE_HINT
    return ""
