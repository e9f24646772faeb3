"""Lets a simulation move the clock that OpenSSL reads for the timers of DTLS.

OpenSSL takes the time from ``gettimeofday``, by way of a table of addresses in the library that has it inside.
Here that entry of the table is replaced. What else of that library asks for the time gets the simulation's too.

Source: ELF-64 object file format (dynamic section, relocations); ``ossl_time_now`` in OpenSSL's ``crypto/time.c``.
"""

import ctypes
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.bindings import _rust

HAS_CLOCK: Final = sys.platform == "linux" and sys.maxsize > 1 << 32
_EPOCH_S: Final = 1_800_000_000
_MILLION: Final = 1_000_000
_PAGE_BYTES: Final = 4096
_PROT_READ, _PROT_WRITE = 1, 2
_RELOCATIONS, _DYNAMIC_SYMBOLS = 4, 11  # types of sections


class _TimeValue(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("microseconds", ctypes.c_long))


_FUNCTION: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_TimeValue), ctypes.c_void_p)


@contextmanager
def openssl_clock(now_us: Callable[[], int]) -> Iterator[None]:
    """Have OpenSSL read ``now_us`` within the block."""

    def read(value: "ctypes._Pointer[_TimeValue]", _: int | None) -> int:
        value.contents.seconds, value.contents.microseconds = divmod(now_us() + _EPOCH_S * _MILLION, _MILLION)
        return 0

    function = _FUNCTION(read)
    entry = ctypes.c_void_p.from_address(_address_of_entry("gettimeofday"))
    before, entry.value = entry.value, ctypes.cast(function, ctypes.c_void_p).value
    try:
        yield
    finally:
        entry.value = before


def _address_of_entry(name: str) -> int:
    """Return where the address of a function of libc lies, and make that place writable."""
    path = Path(_rust.__file__)
    base = next(
        int(line.partition("-")[0], 16)
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(path)) and line.split()[2] == "00000000"
    )
    address = base + _offset_of_entry(path.read_bytes(), name.encode())
    page = address & -_PAGE_BYTES
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), _PAGE_BYTES, _PROT_READ | _PROT_WRITE):
        raise OSError(ctypes.get_errno(), "mprotect")
    return address


def _offset_of_entry(elf: bytes, name: bytes) -> int:
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, table + size * number) for number in range(count)]
    for section in sections:
        if section[1] != _RELOCATIONS or sections[section[6]][1] != _DYNAMIC_SYMBOLS:
            continue
        symbols = sections[section[6]]
        names = sections[symbols[6]]
        for at in range(section[4], section[4] + section[5], 24):
            offset, info = struct.unpack_from("<QQ", elf, at)
            (place,) = struct.unpack_from("<I", elf, symbols[4] + 24 * (info >> 32))
            begin = names[4] + place
            if info >> 32 and elf[begin : begin + len(name) + 1] == name + b"\0":
                return int(offset)
    raise LookupError(name)
