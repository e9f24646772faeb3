"""Real programs that tests talk to."""

import os
import shutil
from typing import NoReturn

import pytest


def fail_or_skip(why: str) -> NoReturn:
    """Skip the test for want of something on this machine, or fail it where HEADRACE_STRICT=1."""
    if os.environ.get("HEADRACE_STRICT") == "1":
        pytest.fail(why)
    pytest.skip(why)


def find_program(name: str) -> str:
    """Return the path of a program; without it skip the test, or fail where HEADRACE_STRICT=1."""
    path = shutil.which(name)
    if path is None:
        fail_or_skip(f"{name} is not installed")
    return path
