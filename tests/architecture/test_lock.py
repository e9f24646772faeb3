"""Dependencies are pinned: what is installed is, to the byte, what was locked."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PACKAGES: list[dict[str, Any]] = LOCK["package"]
HASH = re.compile(r"sha256:[0-9a-f]{64}")


def test_the_lock_has_what_the_project_needs() -> None:
    assert {"headrace", "numpy", "av", "cryptography", "pyjwt", "sqlalchemy"} <= {one["name"] for one in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: f"{package['name']}-{package.get('version')}")
def test_every_file_of_every_dependency_has_its_hash(package: dict[str, Any]) -> None:
    if package["name"] == "headrace":
        assert package["source"] == {"editable": "."}
        return
    assert package["source"] == {"registry": "https://pypi.org/simple"}
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    assert files
    for file in files:
        assert HASH.fullmatch(file["hash"])
        assert file["url"].startswith("https://files.pythonhosted.org/")


def test_every_install_takes_the_lock_as_it_is() -> None:
    for name in ("Makefile", "Dockerfile"):
        lines = [
            line for line in (ROOT / name).read_text().splitlines() if re.search(r"(uv|\$\(UV\)) (sync|run)", line)
        ]
        assert lines
        assert all("--frozen" in line for line in lines)
