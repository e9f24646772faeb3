"""What ``import headrace`` offers: a promise to those who build on it, changed on purpose or not at all."""

import subprocess
import sys

import pytest

import headrace

PUBLIC_NAMES = [
    "ConnectTimeoutError",
    "ConnectionEndedError",
    "ConnectionRejectedError",
    "HandshakeError",
    "HeadraceError",
    "LocalProtocolError",
    "RejectReason",
    "SrtServer",
    "SrtSocket",
    "srt_connect",
    "srt_listen",
]


def test_the_public_names_are_these() -> None:
    assert headrace.__all__ == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_each_name_is_there_and_has_a_docstring(name: str) -> None:
    thing = getattr(headrace, name)
    assert thing.__name__ == name
    assert thing.__doc__


def test_each_name_can_be_imported_with_a_star() -> None:
    names: dict[str, object] = {}
    exec("from headrace import *", names)
    assert set(PUBLIC_NAMES) <= set(names)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = headrace.nothing


def test_the_exceptions_have_one_base() -> None:
    for name in PUBLIC_NAMES:
        if name.endswith("Error"):
            assert issubclass(getattr(headrace, name), headrace.HeadraceError)


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import headrace", "numpy av asyncio"),
        ("from headrace import srt_connect, srt_listen", "av"),
    ],
)
def test_importing_brings_in_no_more_than_it_needs(program: str, absent: str) -> None:
    check = f"{program}\nimport sys\nprint(*sorted(set({absent.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
