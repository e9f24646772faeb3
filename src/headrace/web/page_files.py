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
_VERSION: Final = re.compile(f"[0-9a-f]{{{VERSION_DIGITS}}}")
_ASSETS: Final = '"/assets/'


class PageFiles:
    """All files of a folder, as they were when it was read: a page never gets modules of two versions.

    Args:
        folder: Where they are.

    Attributes:
        version: Changes with any of them; `VERSION_DIGITS` hexadecimal digits.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        self._contents = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
        digest = hashlib.sha256()
        for name, content in self._contents.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:VERSION_DIGITS]

    def find(self, path: str) -> tuple[bytes, bool] | None:
        """Return what is at a path, with or without a version before it, and whether it is that of this version.

        A page that was open while the broker was renewed asks for files of the version before.
        """
        version, _, name = path.partition("/")
        if _VERSION.fullmatch(version) is None:
            version, name = "", path
        content = self._contents.get(name)
        return None if content is None else (content, version == self.version)

    def modules_of(self, *names: str) -> list[str]:
        """Return the names of some modules of the folder ``js``, and of all that they import, without end."""
        found = list(names)
        for name in found:
            imported = _IMPORTED.findall(self._contents[f"js/{name}"].decode())
            found += [one for one in dict.fromkeys(imported) if one not in found]
        return found


def render_page(html: str, version: str, modules: list[str]) -> str:
    """Return a page that names its files by their version, and fetches modules at once."""
    links = "".join(f'    <link rel="modulepreload" href={_ASSETS}js/{name}" />\n' for name in modules)
    return html.replace("  </head>", f"{links}  </head>").replace(_ASSETS, f"{_ASSETS}{version}/")
