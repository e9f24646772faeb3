"""Which host an address is of, as one number: what limits for each host count by.

An IPv4 address is a host. Of IPv6 the upper 64 bits are: whoever has one address of a /64 has all of them.

Source: RFC 4291, 2.5.1 and 2.5.5.2 (IPv4-mapped addresses); RFC 6177, what a site is given.
"""

import sys
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace.base.datagram_batch import U8Array
from headrace.base.sockaddr import LINUX_AF_INET, sockaddr_host

U64Array: TypeAlias = NDArray[np.uint64]

_MAPPED_PREFIX = bytes(10) + b"\xff\xff"
_IPV4_BYTES = slice(4, 8)
_MAPPED_MARK = np.uint64(0xFFFF)
_IPV4_BITS = np.uint64(32)
_IPV4_MASK = np.uint64(0xFFFF_FFFF)
_INET = np.frombuffer(LINUX_AF_INET.to_bytes(2, sys.byteorder), np.uint16)[0]


def host_number(address: bytes) -> int:
    """Return the number of the host of an address of 28 bytes, 64 bits; its port makes no difference."""
    host = sockaddr_host(address)
    return int.from_bytes(host[12:] if host.startswith(_MAPPED_PREFIX) else host[:8], "big")


def host_numbers(addresses: U8Array) -> U64Array:
    """Return `host_number` of each of ``addresses``, of shape ``(n, 28)``; shape ``(n,)``."""
    halves = addresses[:, 8:24].view(">u8").astype(np.uint64)
    prefix, rest = halves[:, 0], halves[:, 1]
    is_mapped = (prefix == 0) & (rest >> _IPV4_BITS == _MAPPED_MARK)
    numbers = np.where(is_mapped, rest & _IPV4_MASK, prefix)
    is_ipv4 = addresses[:, :2].view(np.uint16)[:, 0] == _INET
    numbers[is_ipv4] = addresses[is_ipv4, _IPV4_BYTES].view(">u4")[:, 0]
    return numbers
