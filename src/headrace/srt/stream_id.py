"""Stream ids: how a caller says which resource it wants, whether to publish or to receive it, and what lets it.

Source: draft-sharabayko-srt, 3.2.1.3 (bytes on the wire), appendix B (access control syntax).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS, TOKEN_PREFIX
from headrace.base.errors import PacketError
from headrace.base.stream_key import KEY_PREFIX

MAX_STREAM_ID_BYTES: Final = 512
_ACCESS_CONTROL_PREFIX: Final = "#!::"
_MODES_OF_PREFIXES: Final[Mapping[str, Literal["request", "publish"]]] = {
    "publish": "publish",
    "request": "request",
    "read": "request",
}
_RESOURCE_TYPES: Final = frozenset({"stream", "file", "auth"})
"""Values of ``t``, "type", in appendix B; any other is a token of ours."""
_HIDDEN: Final = "***"
_AFTER_ID: Final = re.compile(r"[^A-Za-z0-9._~-]")
_NAMED_KEYS: Final = frozenset({"r", "m", "u", "s", "k", "t", "standby", "takeover"})
_SECRET_KEYS: Final = frozenset({"u", "s", "k", "t"})
_SHOWN_VALUES: Final = frozenset({"request", "publish", "bidirectional", "0", "1", "true", "false", "yes", "no"})


def decode_stream_id_words(body: bytes) -> str:
    """Return the text of a stream id extension: each 32-bit word is byte-reversed, padded with zeros.

    Raises:
        PacketError: ``stream_id_too_long``, ``stream_id_not_words`` or ``stream_id_not_utf8``.
    """
    if len(body) > MAX_STREAM_ID_BYTES:
        raise PacketError("stream_id_too_long", f"{len(body)} bytes")
    if len(body) % 4:
        raise PacketError("stream_id_not_words")
    try:
        return _reverse_words(body).rstrip(b"\0").decode()
    except UnicodeDecodeError:
        raise PacketError("stream_id_not_utf8") from None


def encode_stream_id_words(text: str) -> bytes:
    """Return ``text`` as the body of a stream id extension.

    Raises:
        ValueError: It takes more than 512 bytes of UTF-8.
    """
    encoded = text.encode()
    if len(encoded) > MAX_STREAM_ID_BYTES:
        raise ValueError(f"a stream id has at most {MAX_STREAM_ID_BYTES} bytes, this one has {len(encoded)}")
    return _reverse_words(encoded + bytes(-len(encoded) % 4))


def _reverse_words(body: bytes) -> bytes:
    return b"".join(body[start : start + 4][::-1] for start in range(0, len(body), 4))


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a stream id asks for. It shows nothing that may be a key, a token or a password.

    Attributes:
        resource: Resource name (key ``r``), empty where none was given.
        mode: Key ``m``; ``request`` (receive) where none was given.
        user: Key ``u``, or None.
        session: Key ``s``, or None.
        extra: All other keys.
        credential: The stream key or token that came, wherever it stood, or None.
    """

    resource: str = field(repr=False)
    mode: Literal["request", "publish", "bidirectional"] = "request"
    user: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    credential: str | None = field(default=None, repr=False)


def parse_stream_id(text: str) -> AccessRequest:
    """Return what ``text`` asks for.

    Understood are the access control syntax (``#!::r=NAME,m=publish,k=KEY``), and for programs whose users cannot
    easily type that, ``publish:NAME:KEY``, ``request:NAME:TOKEN`` (or ``read:...``), a plain ``NAME``, a stream
    key alone, which publishes, and a token alone, which receives.

    Raises:
        PacketError: ``stream_id_key_without_value`` or ``stream_id_bad_mode``.
    """
    if text.startswith(_ACCESS_CONTROL_PREFIX):
        return _parse_access_control(text[len(_ACCESS_CONTROL_PREFIX) :])
    prefix, colon, rest = text.partition(":")
    mode = _MODES_OF_PREFIXES.get(prefix) if colon else None
    if mode is not None:
        resource, _, credential = rest.partition(":")
        return _without_secret_name(AccessRequest(resource, mode, credential=credential or None))
    return _without_secret_name(AccessRequest(text, "publish" if _begins_as_key(text) else "request"))


def _parse_access_control(text: str) -> AccessRequest:
    keys: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise PacketError("stream_id_key_without_value")
        keys[key.strip()] = value.strip()
    mode = keys.pop("m", "request")
    resource = keys.pop("r", "")
    user, session = keys.pop("u", None), keys.pop("s", None)
    token = None if keys.get("t") in _RESOURCE_TYPES else keys.pop("t", None)
    credential = keys.pop("k", None) or token
    # Encoders have a field for a password, which becomes s, or only one for a user, beside a session of their own.
    is_user_secret = user is not None and is_secret(user)
    if not credential and (not is_user_secret or is_secret(session or "")):
        credential, session = session or None, None
    if is_user_secret:
        credential, user = credential or user, None
    match mode:
        case "request" | "publish" | "bidirectional":
            return _without_secret_name(AccessRequest(resource, mode, user, session, keys, credential))
    raise PacketError("stream_id_bad_mode")


def _without_secret_name(request: AccessRequest) -> AccessRequest:
    """Return ``request`` with what stands in the place of the name as its credential, if it looks like one."""
    if not is_secret(request.resource):
        return request
    return replace(request, resource="", credential=request.credential or request.resource)


def _begins_as_key(text: str) -> bool:
    return text[: len(KEY_PREFIX)].lower() == KEY_PREFIX


def is_secret(text: str) -> bool:
    """Return whether ``text`` begins as stream keys or tokens do, so that it is nothing to show to anybody."""
    return _begins_as_key(text) or text.startswith(TOKEN_PREFIX)


def redact_stream_id(text: str) -> str:
    """Return what can be shown of a stream id from the wire: form, channel and mode, and ``***`` for the rest.

    Only what is known to be harmless is shown: a password stands where its user has put it.
    """
    if text.startswith(_ACCESS_CONTROL_PREFIX):
        items = text[len(_ACCESS_CONTROL_PREFIX) :].split(",")
        return _ACCESS_CONTROL_PREFIX + ",".join(_redact_item(item) for item in items if item)
    prefix, colon, rest = text.partition(":")
    if not colon or prefix not in _MODES_OF_PREFIXES:
        return _redact_resource(text)
    resource, colon, _ = rest.partition(":")
    return f"{prefix}:{_redact_resource(resource)}" + (":***" if colon else "")


def _redact_item(item: str) -> str:
    key, equals, value = (part.strip() for part in item.partition("="))
    if not equals or key not in _NAMED_KEYS:
        return _HIDDEN
    if key == "r":
        return f"r={_redact_resource(value)}"
    return f"{key}={value if value in _SHOWN_VALUES and key not in _SECRET_KEYS else _HIDDEN}"


def _redact_resource(text: str) -> str:
    key_at = text.lower().find(KEY_PREFIX)
    harmless = text if key_at < 0 else text[:key_at]
    shown = _AFTER_ID.split(harmless, maxsplit=1)[0]
    if harmless.startswith(TOKEN_PREFIX) or len(shown) > MAX_CHANNEL_ID_CHARACTERS:
        return _HIDDEN
    if shown == text:
        return shown
    return shown + (KEY_PREFIX if len(shown) == key_at else "") + _HIDDEN


def format_stream_id(request: AccessRequest) -> str:
    """Return ``request`` in the access control syntax.

    Raises:
        ValueError: A value has a comma, which the syntax cannot carry, or the whole is over 512 bytes.
    """
    keys = {
        "r": request.resource,
        "m": request.mode,
        "u": request.user,
        "s": request.session,
        **request.extra,
        "k": request.credential,
    }
    given = {key: value for key, value in keys.items() if value}
    for key, value in given.items():
        if "," in value:
            raise ValueError(
                f"a comma in a stream id ends a value: take it out of {_redact_item(f'{key}={value}')}"
            )
    text = _ACCESS_CONTROL_PREFIX + ",".join(f"{key}={value}" for key, value in given.items())
    if len(text.encode()) > MAX_STREAM_ID_BYTES:
        raise ValueError(_explain_length(text, request.credential or ""))
    return text


def _explain_length(text: str, credential: str) -> str:
    length = f"a stream id has at most {MAX_STREAM_ID_BYTES} bytes, this one has {len(text.encode())}"
    if len(credential.encode()) < MAX_STREAM_ID_BYTES // 4:
        return length
    return f"{length}, of which its key or token takes {len(credential.encode())}: give a token fewer claims"
