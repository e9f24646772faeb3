"""What a person can do about a refusal, as the end of a line that says why."""

from headrace.srt.rejection import ConnectionRejectedError, RejectReason

PASSPHRASE_HINT = ": the channel's passphrase goes into --passphrase-file FILE or PASSPHRASE"  # noqa: S105 - a sentence
OR_THE_HOOK = "or the broker's hook said no"


def watch_hint(failure: BaseException) -> str:
    """Return what to do about why a subscription has ended, empty where there is nothing to add."""
    if not isinstance(failure, ConnectionRejectedError):
        return ""
    match failure.code:
        case RejectReason.UNAUTHORIZED:
            return (
                ": a private channel wants a token that is still good, in --token-file FILE or TOKEN; "
                f"'headrace tokens new' makes one; {OR_THE_HOOK}"
            )
        case RejectReason.FORBIDDEN:
            return f": the token is for something else, {OR_THE_HOOK}"
        case RejectReason.BAD_SECRET | RejectReason.UNSECURE:
            return PASSPHRASE_HINT
    return ""


def publish_hint(code: int, *, has_key: bool) -> str:
    """Return what a producer can do about a refusal with ``code``, empty where there is nothing to add."""
    match code:
        case RejectReason.CONFLICT:
            return ": end it, choose another ID, or use --takeover or --standby"
        case RejectReason.UNAUTHORIZED if has_key:
            return (
                ": the key was revoked, or is another broker's: 'headrace keys new' makes one there; "
                f"{OR_THE_HOOK}"
            )
        case RejectReason.UNAUTHORIZED:
            return (
                ": give the channel's key with --key-file FILE or STREAM_KEY; "
                f"'headrace keys new' makes one; {OR_THE_HOOK}"
            )
        case RejectReason.BAD_SECRET | RejectReason.UNSECURE:
            return PASSPHRASE_HINT
        case RejectReason.FORBIDDEN:
            return f": the key is another channel's, {OR_THE_HOOK}"
    return ""
