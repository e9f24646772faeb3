"""Which handshakes of a batch are looked at: so many in all and of each host, the others cost next to nothing.

Whoever can send a packet can send thousands of handshakes a second, from as many forged addresses. So they are
counted and thinned out as columns, before any of them is taken apart; those of hosts that call least come first.

Source: draft-sharabayko-srt, 3.2.1 (fields), 4.3.1 (phases); ``docs/decisions/0020-limits.md`` has the figures.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array
from headrace.base.hosts import host_numbers
from headrace.base.token_bucket import TokenBucket
from headrace.endpoints.host_rates import HostRates
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.subscriber_table import Rows
from headrace.srt.handshake import HANDSHAKE_BYTES, ExtensionFlags, HandshakeType
from headrace.srt.packet import HEADER_BYTES, ControlType

HANDSHAKES_PER_HOST_AND_SECOND: Final = 4_000
"""A thousand viewers behind one address that all come within a second send 2,000, and some of them twice."""
INDUCTIONS_PER_SECOND: Final = 4_000
"""Answering one takes 25 us: a tenth of a core."""
COOKIE_CHECKS_PER_SECOND: Final = 10_000
"""A conclusion with a wrong cookie takes 4 us: a twenty-fifth of a core."""
CONCLUSIONS_PER_SECOND: Final = 2_000
"""One that opens a connection takes up to 150 us: a third of a core at worst, for who has shown its address."""
KEY_MATERIAL_COST: Final = 5
"""A passphrase is turned into a key with 2,048 rounds, which takes as long as five conclusions."""
AT_ONCE: Final = 2_000
"""After a pause so many inductions and conclusions each come through together."""

_FIELDS: Final = slice(HEADER_BYTES + 4, HEADER_BYTES + 32)
"""From the encryption field to the cookie."""
_EXTENSIONS, _TYPE, _COOKIE = 0, 4, 6
"""Words of these."""
_INDUCTION: Final = np.uint32(HandshakeType.INDUCTION)
_CONCLUSION: Final = np.uint32(HandshakeType.CONCLUSION)


class HandshakeGate:
    """Lets through what is to be answered, and counts what is not.

    Args:
        is_good_cookie: Tells whether a cookie was made for an address of 28 bytes.
        ignored: Counts what is dropped, by reason.
        secret: 8 random bytes.
    """

    __slots__ = ("_checks", "_conclusions", "_hosts", "_ignored", "_inductions", "_is_good_cookie")

    def __init__(
        self, is_good_cookie: Callable[[int, bytes, int], bool], ignored: Counter[str], secret: bytes
    ) -> None:
        self._is_good_cookie = is_good_cookie
        self._ignored = ignored
        self._hosts = HostRates(secret)
        self._inductions = TokenBucket(INDUCTIONS_PER_SECOND, AT_ONCE)
        self._checks = TokenBucket(COOKIE_CHECKS_PER_SECOND, 2 * AT_ONCE)
        self._conclusions = TokenBucket(CONCLUSIONS_PER_SECOND, AT_ONCE)

    def admit(self, packets: PacketColumns, rows: Rows, now_us: int) -> list[int]:
        """Return which of ``rows``, packets to the listener, are handshakes to be answered; in order."""
        rows = self._whole(packets, rows)
        fields = packets.data[rows, _FIELDS].view(">u4")
        kinds = fields[:, _TYPE]
        is_induction, is_conclusion = kinds == _INDUCTION, kinds == _CONCLUSION
        self._count("unexpected_handshake_type", ~(is_induction | is_conclusion))
        calls = self._hosts.count(host_numbers(packets.addresses[rows]), now_us)
        is_modest = calls <= HANDSHAKES_PER_HOST_AND_SECOND
        self._count("handshakes_of_host_beyond_rate", ~is_modest)
        inductions = self._thin(self._inductions, is_induction & is_modest, calls, now_us)
        conclusions = self._thin(self._checks, is_conclusion & is_modest, calls, now_us)
        admitted: list[int] = rows[inductions].tolist()
        for row, words in zip(rows[conclusions].tolist(), fields[conclusions].tolist(), strict=True):
            if self._admits_conclusion(packets, row, words, now_us):
                admitted.append(row)
        return sorted(admitted)

    def _whole(self, packets: PacketColumns, rows: Rows) -> Rows:
        """Return the rows that are handshakes as far as their header and length tell."""
        lengths, kinds = packets.lengths[rows], packets.control_type[rows]
        has_header, is_handshake = lengths >= HEADER_BYTES, kinds == ControlType.HANDSHAKE
        is_whole = is_handshake & (lengths >= HEADER_BYTES + HANDSHAKE_BYTES)
        self._count("short_header", ~has_header)
        self._count("no_destination", has_header & ~is_handshake)
        self._count("short_handshake", is_handshake & ~is_whole)
        whole: Rows = rows[is_whole]
        return whole

    def _thin(self, bucket: TokenBucket, wanted: BoolArray, calls: I64Array, now_us: int) -> Rows:
        """Return the places of those ``wanted`` that the bucket has a token for, those of quiet hosts first."""
        places = np.flatnonzero(wanted)
        granted = bucket.take(len(places), now_us)
        if granted == len(places):
            return places
        self._ignored["handshakes_beyond_rate"] += len(places) - granted
        return places[np.argsort(calls[places], kind="stable")[:granted]]

    def _admits_conclusion(self, packets: PacketColumns, row: int, fields: list[int], now_us: int) -> bool:
        if not self._is_good_cookie(fields[_COOKIE], packets.address(row), now_us):
            self._ignored["bad_cookie"] += 1
            return False
        has_key_material = fields[_EXTENSIONS] & ExtensionFlags.KMREQ
        if not self._conclusions.afford(KEY_MATERIAL_COST if has_key_material else 1, now_us):
            self._ignored["handshakes_beyond_rate"] += 1
            return False
        return True

    def _count(self, reason: str, which: BoolArray) -> None:
        count = int(np.count_nonzero(which))
        if count:
            self._ignored[reason] += count
