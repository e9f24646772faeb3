"""The JWKS file of ``headrace serve``: read at the start, and again when it changes.

Where a later version cannot be read, the keys of the one before stay good, and the log says why. One without keys
can be read: it takes them all away.
"""

from importlib import import_module
from pathlib import Path
from typing import Final

import structlog

from headrace.access.directory import TokenKey
from headrace.access.jwks import MAX_JWKS_BYTES, Jwks, JwksError, read_jwks
from headrace.base.errors import HeadraceError

DEFAULT_ISSUER: Final = "headrace"
DEFAULT_AUDIENCE: Final = "headrace"

_log = structlog.get_logger()


class TokenKeyFileError(HeadraceError):
    """The JWKS file cannot be used."""


class TokenKeyFile:
    """Keys for tokens from a file. Its methods wait for the disk: call them in a thread.

    Args:
        path: The file.
        issuer: Claim ``iss`` of the tokens of keys that do not name it.
        audience: Claim ``aud`` that they must have, likewise.

    Attributes:
        keys: Those that were read last.
    """

    def __init__(self, path: Path, issuer: str = DEFAULT_ISSUER, audience: str = DEFAULT_AUDIENCE) -> None:
        self._path = path
        self._issuer = issuer
        self._audience = audience
        self._seen: tuple[int, int, int] | None = None
        self.keys: tuple[TokenKey, ...] = ()

    def read(self) -> None:
        """Read the file for the first time.

        Raises:
            TokenKeyFileError: It cannot be read, or has no key that can be used.
        """
        jwks = self._load()
        if not jwks.keys:
            raise TokenKeyFileError(f"{self._path} has no key of a kind that is known here (HS256, Ed25519)")
        self._take(jwks)

    def _load(self) -> Jwks:
        try:
            # What checks tokens takes 150 ms to load: here nobody's packets wait for that.
            import_module("headrace.access.tokens")
            self._seen = self._look()
            with self._path.open(encoding="utf-8") as file:
                text = file.read(MAX_JWKS_BYTES + 1)
            return read_jwks(text, issuer=self._issuer, audience=self._audience)
        except OSError as error:
            raise TokenKeyFileError(f"cannot read the token keys in {self._path}: {error.strerror}") from None
        except (JwksError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, JwksError) else "this is no text"
            raise TokenKeyFileError(f"cannot use the token keys in {self._path}: {reason}") from None

    def read_if_changed(self) -> bool:
        """Read the file again if it has changed; return whether there are other keys now. Never raises.

        A version without usable keys is taken as it is: somebody has taken out the last one, and wants it to open
        nothing.
        """
        before = self.keys
        try:
            if self._look() == self._seen:
                return False
            self._take(self._load())
        except (OSError, TokenKeyFileError) as error:
            # A file that is being replaced may be missing for a moment: it is looked for again.
            if self._seen is not None:
                _log.warning("the token keys of before stay good", reason=str(error))
            self._seen = None if isinstance(error, OSError) else self._seen
            return False
        return self.keys != before

    def _look(self) -> tuple[int, int, int]:
        status = self._path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _take(self, jwks: Jwks) -> None:
        self.keys = jwks.keys
        facts = {"path": str(self._path), "skipped": list(jwks.skipped)}
        if jwks.keys:
            _log.info("token keys read", key_ids=[key.key_id for key in jwks.keys], **facts)
        else:
            _log.warning("there are no token keys any more", **facts)
