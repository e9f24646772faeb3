"""A fuzz target in which there is something to find: a byte of 0xFF in front."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong


def run(data: bytes) -> int:
    """Break on some inputs."""
    if data[:1] == b"\xff":
        raise IndexError("found")
    return len(data)


def seeds() -> list[bytes]:
    """Return a valid input."""
    return [b"valid"]


def wrong(data: bytes, random: Random) -> bytes:
    """Return it with something wrong."""
    return make_wrong(data, random)


TARGET = Target(run, seeds, wrong, max_bytes=16)
