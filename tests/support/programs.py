"""Real programs that tests talk to."""

import os
import shutil

import pytest


def find_program(name: str) -> str:
    """Return the path of a program; without it skip the test, or fail where HEADRACE_STRICT=1."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("HEADRACE_STRICT") == "1":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path
