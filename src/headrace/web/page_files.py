"""What pages are made of: files that a browser may keep for good, as their addresses change with them.

A page names all modules that it needs, and those of the page that somebody goes to from it: they are fetched at
once, where a browser would find out about one by reading another.

Source: HTML Living Standard, 4.6.7.11 (modulepreload); RFC 8246 (immutable).
"""

import hashlib
import re
from pathlib import Path
from typing import Final

VERSION_DIGITS: Final = 16
_IMPORTED: Final = re.compile(r'^import .*? from "\./([\w.]+)";$', re.MULTILINE)
_ASSETS: Final = '"/assets/'


def version_of(folder: Path) -> str:
    """Return what changes with any file below ``folder``: `VERSION_DIGITS` hexadecimal digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:VERSION_DIGITS]


def modules_of(scripts: Path, *names: str) -> list[str]:
    """Return the names of some modules in the folder ``scripts``, and of all that they import, without end."""
    found = list(names)
    for name in found:
        imported = _IMPORTED.findall((scripts / name).read_text("utf-8"))
        found += [one for one in dict.fromkeys(imported) if one not in found]
    return found


def render_page(html: str, version: str, modules: list[str]) -> str:
    """Return a page that names its files by their version, and fetches modules at once."""
    links = "".join(f'    <link rel="modulepreload" href={_ASSETS}js/{name}" />\n' for name in modules)
    return html.replace("  </head>", f"{links}  </head>").replace(_ASSETS, f"{_ASSETS}{version}/")
