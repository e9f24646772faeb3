"""Keys, tokens and passphrases are compared in constant time, or never as they are.

A clock would prove nothing on a busy machine: instead every comparison that is not in constant time is an error.

Source: mediamtx #5961 (== on a password returns at the first letter that differs).
"""

import ast
from pathlib import Path

import pytest
from tests.support.access import KEYS, closed_directory

from headrace.access import directory as directory_module
from headrace.access.directory import PREFIX_BYTES, Directory, KeyEntry
from headrace.access.stream_keys import hash_stream_key

SOURCE = Path(directory_module.__file__).parents[1]
SECRET_NAMES = {"key", "keys", "digest", "secret", "passphrase", "credential", "token", "kek", "password"}
COMPARES_SECRETS: set[tuple[str, str]] = {
    ("access/gate.py", "new.passphrase != old.passphrase"),  # both are the configuration's, neither a caller's
    ("endpoints/shared_keys.py", "key.passphrase != passphrase"),  # likewise
}
"""Comparisons of what has such a name, each with the reason why it may stay."""


def test_a_digest_that_shares_its_prefix_is_told_apart_by_compare_digest_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(directory_module, "compare_digest", compare)
    digest = hash_stream_key(KEYS["cam1"])
    neighbour = digest[:PREFIX_BYTES] + bytes(24)
    directory = Directory.of(1, keys=[KeyEntry(1, "other", neighbour), KeyEntry(2, "cam1", digest)])
    found = directory.find_key(KEYS["cam1"])
    assert found is not None
    assert found.channel_id == "cam1"
    assert sorted(compared) == sorted([(neighbour, digest), (digest, digest)])


def test_what_is_compared_is_a_hash_so_a_key_that_is_nearly_right_looks_up_something_else() -> None:
    directory, key = closed_directory(), KEYS["cam1"]
    assert directory.find_key(key) is not None
    for at in range(4, len(key)):
        nearly = key[:at] + ("a" if key[at] != "a" else "b") + key[at + 1 :]
        assert directory.find_key(nearly) is None
        assert hash_stream_key(nearly)[:PREFIX_BYTES] not in directory.keys


def secret_comparisons() -> set[tuple[str, str]]:
    """Return where ``==``, ``!=`` or ``in`` stands between things of which one is called as a secret is."""
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                sides = [node.left, *node.comparators]
                if all(_is_secret(side) for side in sides):
                    found.add((path.relative_to(SOURCE).as_posix(), ast.unparse(node)))
    return found


def _is_secret(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in SECRET_NAMES


def test_no_secret_is_compared_with_another_by_an_operator_that_stops_early() -> None:
    assert secret_comparisons() - COMPARES_SECRETS == set()
