"""Stream ids: how a caller says which resource it wants, and whether to publish or to receive it.

Source: draft-sharabayko-srt, 3.2.1.3 (bytes on the wire), appendix B (access control syntax).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from headrace.base.errors import PacketError

MAX_STREAM_ID_BYTES: Final = 512
_ACCESS_CONTROL_PREFIX: Final = "#!::"


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
    """What a stream id asks for.

    Attributes:
        resource: Resource name (key ``r``), empty where none was given.
        mode: Key ``m``; ``request`` (receive) where none was given.
        user: Key ``u``, or None.
        session: Key ``s``, or None.
        extra: All other keys.
    """

    resource: str
    mode: Literal["request", "publish", "bidirectional"] = "request"
    user: str | None = None
    session: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def parse_stream_id(text: str) -> AccessRequest:
    """Return what ``text`` asks for.

    Understood are the access control syntax (``#!::r=NAME,m=publish``), and for programs whose users cannot
    easily type that, ``publish:NAME``, ``request:NAME`` (or ``read:NAME``) and a plain ``NAME``.

    Raises:
        PacketError: ``stream_id_key_without_value`` or ``stream_id_bad_mode``.
    """
    if text.startswith(_ACCESS_CONTROL_PREFIX):
        return _parse_access_control(text[len(_ACCESS_CONTROL_PREFIX) :])
    prefix, colon, resource = text.partition(":")
    if colon and prefix == "publish":
        return AccessRequest(resource, "publish")
    if colon and prefix in ("request", "read"):
        return AccessRequest(resource)
    return AccessRequest(text)


def _parse_access_control(text: str) -> AccessRequest:
    keys: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise PacketError("stream_id_key_without_value", key)
        keys[key.strip()] = value.strip()
    mode = keys.pop("m", "request")
    resource = keys.pop("r", "")
    user, session = keys.pop("u", None), keys.pop("s", None)
    match mode:
        case "request" | "publish" | "bidirectional":
            return AccessRequest(resource, mode, user, session, keys)
    raise PacketError("stream_id_bad_mode", mode)


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
    }
    given = {key: value for key, value in keys.items() if value}
    for key, value in given.items():
        if "," in value:
            raise ValueError(f"a comma in a stream id ends a value: take it out of {key}={value}")
    text = _ACCESS_CONTROL_PREFIX + ",".join(f"{key}={value}" for key, value in given.items())
    if len(text.encode()) > MAX_STREAM_ID_BYTES:
        raise ValueError(f"a stream id has at most {MAX_STREAM_ID_BYTES} bytes, this one has {len(text.encode())}")
    return text
