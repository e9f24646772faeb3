"""Makes one thing wrong in a valid input: a field with another value, a piece too little or too much."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

Field: TypeAlias = tuple[int, int]
"""Offset and bytes."""
Picker: TypeAlias = Callable[[bytes, Random], Field]
"""Chooses a field of an input that is not empty. It may reach over the end."""

_STEPS: Final = (-1, 1, -2, 2, 4, -4, 8, 188, 255, 256)


def pick_word(data: bytes, random: Random) -> Field:
    """Return a word of 32 bits, or half of one."""
    if random.random() < 0.5:
        return 4 * random.randrange((len(data) + 3) // 4), 4
    return 2 * random.randrange((len(data) + 1) // 2), 2


def pick_byte(data: bytes, random: Random) -> Field:
    """Return a byte or two."""
    return random.randrange(len(data)), random.choice((1, 1, 2))


def make_wrong(data: bytes, random: Random, pick: Picker = pick_byte) -> bytes:
    """Return ``data`` with something wrong."""
    return random.choice(_WAYS)(data or b"\0", random, pick)


def _put(data: bytes, at: int, width: int, value: int) -> bytes:
    return data[:at] + (value % (1 << 8 * width)).to_bytes(width, "big") + data[at + width :]


def _set_field(data: bytes, random: Random, pick: Picker) -> bytes:
    at, width = pick(data, random)
    top = (1 << 8 * width) - 1
    return _put(
        data, at, width, random.choice((0, 1, top, top >> 1, (top >> 1) + 1, top - 1, random.randint(0, top)))
    )


def _step_field(data: bytes, random: Random, pick: Picker) -> bytes:
    at, width = pick(data, random)
    return _put(data, at, width, int.from_bytes(data[at : at + width], "big") + random.choice(_STEPS))


def _flip_bit(data: bytes, random: Random, pick: Picker) -> bytes:
    at, width = pick(data, random)
    return _put(data, at, width, int.from_bytes(data[at : at + width], "big") ^ 1 << random.randrange(8 * width))


def _move_field(data: bytes, random: Random, pick: Picker) -> bytes:
    at, width = pick(data, random)
    source, _ = pick(data, random)
    return data[:at] + data[source : source + width] + data[at + width :]


def _cut(data: bytes, random: Random, pick: Picker) -> bytes:
    return data[: pick(data, random)[0] + random.choice((0, 0, 1, 2, 3))]


def _repeat(data: bytes, random: Random, pick: Picker) -> bytes:
    begin, end = sorted((pick(data, random)[0], pick(data, random)[0]))
    return data[:end] + data[begin:end] * random.choice((1, 1, 2, 9)) + data[end:]


def _remove(data: bytes, random: Random, pick: Picker) -> bytes:
    begin, end = sorted((pick(data, random)[0], pick(data, random)[0]))
    return data[:begin] + data[end:]


def _insert(data: bytes, random: Random, pick: Picker) -> bytes:
    at = pick(data, random)[0]
    return data[:at] + random.randbytes(random.choice((1, 2, 4, 16, 188))) + data[at:]


_WAYS: Final = (_set_field, _set_field, _step_field, _flip_bit, _move_field, _cut, _repeat, _remove, _insert)
