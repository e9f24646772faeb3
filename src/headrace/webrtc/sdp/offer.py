"""An offer: who calls by WHIP or WHEP, how it proves itself, and what it sends or takes.

Source: RFC 9725, 4.2 (WHIP); draft-ietf-wish-whep; RFC 8839, 5 (ICE); RFC 8842, 5 (DTLS); RFC 8843 (BUNDLE).
"""

import re
from dataclasses import dataclass
from typing import Final

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.lines import SdpError, Section, decode_sections
from headrace.webrtc.sdp.media_offer import MediaOffer, decode_media

MAX_CANDIDATES: Final = 64
"""Kept of an offer; we are ICE-lite and only wait for checks, so none is needed."""

_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_HASH_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_SETUPS: Final = ("actpass", "active", "passive")


@dataclass(frozen=True, slots=True)
class Offer:
    """What was offered.

    Attributes:
        ice: Name and password of who offers.
        fingerprint: Of its certificate: ``sha-256 AB:CD:...``, the hash in lower case, the digits in upper case.
        setup: ``actpass``, ``active`` or ``passive``: who begins the DTLS handshake.
        media: The sections, in order.
        bundle: The ``mid`` of those that share one transport.
        candidates: Addresses, as they stand behind ``a=candidate:``.
        trickles: More candidates may follow.
        is_extmap_mixed: Header extensions of one and of two bytes may be mixed.
    """

    ice: IceCredentials
    fingerprint: str
    setup: str
    media: tuple[MediaOffer, ...]
    bundle: tuple[str, ...]
    candidates: tuple[str, ...]
    trickles: bool
    is_extmap_mixed: bool

    @property
    def makes_us_dtls_client(self) -> bool:
        """Whether we have to begin the DTLS handshake."""
        return self.setup == "passive"


def decode_offer(text: str) -> Offer:
    """Decode an offer.

    Raises:
        SdpError: It is none, or lacks what WebRTC needs; the text says what.
    """
    session, *sections = decode_sections(text)
    if not sections:
        raise SdpError("no_media", "The offer has no media section: add one for video or audio.")
    first = next((section for section in sections if section.has("ice-ufrag")), sections[0])
    media = tuple(decode_media(section, session, number) for number, section in enumerate(sections))
    if len({one.mid for one in media}) < len(media):
        raise SdpError("same_mid", "Two media sections have the same a=mid.")
    candidates = [value for section in (session, *sections) for value in section.all("candidate")]
    options = f"{session.first('ice-options') or ''} {first.first('ice-options') or ''}".split()
    return Offer(
        ice=_credentials(first, session),
        fingerprint=_fingerprint(first, session),
        setup=_setup(first, session),
        media=media,
        bundle=_bundle(session),
        candidates=tuple(candidates[:MAX_CANDIDATES]),
        trickles="trickle" in options,
        is_extmap_mixed=session.has("extmap-allow-mixed") or first.has("extmap-allow-mixed"),
    )


def _either(name: str, first: Section, session: Section) -> str | None:
    return first.first(name) or session.first(name)


def _credentials(first: Section, session: Section) -> IceCredentials:
    ufrag, pwd = _either("ice-ufrag", first, session) or "", _either("ice-pwd", first, session) or ""
    return decode_credentials(ufrag, pwd)


def decode_credentials(ufrag: str, pwd: str) -> IceCredentials:
    """Return what ``a=ice-ufrag`` and ``a=ice-pwd`` say.

    Raises:
        SdpError: ``no_ice``: one is missing or has other characters or lengths than RFC 8839 allows.
    """
    if not _UFRAG.fullmatch(ufrag) or not _PWD.fullmatch(pwd):
        raise SdpError(
            "no_ice",
            "a=ice-ufrag (4 characters or more) or a=ice-pwd (22 or more) is missing, or has others than letters, "
            "digits, + and / (RFC 8839, 5.4).",
        )
    return IceCredentials(ufrag, pwd)


def _fingerprint(first: Section, session: Section) -> str:
    """Return the best fingerprint that we can check."""
    found: dict[str, str] = {}
    for value in (*first.all("fingerprint"), *session.all("fingerprint")):
        name, _, digits = value.partition(" ")
        size_bytes = _HASH_BYTES.get(name.lower(), 0)
        if (
            size_bytes
            and re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*", digits)
            and len(digits) == 3 * size_bytes - 1
        ):
            found.setdefault(name.lower(), f"{name.lower()} {digits.upper()}")
    for name in _HASH_BYTES:
        if name in found:
            return found[name]
    raise SdpError(
        "no_fingerprint", "a=fingerprint with sha-256 is missing or malformed: media is taken over DTLS only."
    )


def _setup(first: Section, session: Section) -> str:
    setup = _either("setup", first, session) or "actpass"
    if setup not in _SETUPS:
        raise SdpError("bad_setup", f"a=setup:{setup[:20]} is none of actpass, active and passive (RFC 8842).")
    return setup


def _bundle(session: Section) -> tuple[str, ...]:
    for value in session.all("group"):
        kind, _, mids = value.partition(" ")
        if kind == "BUNDLE":
            return tuple(mids.split())
    return ()
