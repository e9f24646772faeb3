"""JWKS files, replaced as careful programs do it."""

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path


def write_jwks(path: Path, *key_ids: str, text: str | None = None, secret: bytes = bytes(32)) -> None:
    """Put a file with these keys, all of one secret, or with ``text``, into the place of the one before."""
    keys = [{"kty": "oct", "kid": key_id, "k": urlsafe_b64encode(secret).decode()} for key_id in key_ids]
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"keys": keys}) if text is None else text)
    os.replace(new, path)
