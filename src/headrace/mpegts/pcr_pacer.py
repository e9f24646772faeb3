"""When to send each piece of a transport stream that comes faster than it plays, such as a file.

Each piece runs from one clock reference up to the next and is due when the first of them is. Nothing is held
to wait for a later reference, so a stream that is live already passes without delay.

Source: ISO/IEC 13818-1, 2.4.2.2 (system clock), 2.4.3.5 (discontinuity_indicator).
"""

from dataclasses import dataclass
from typing import Final

from headrace.mpegts.packet import PCR_MODULUS_27MHZ, SYNC_BYTE, PacketFinder, packet_pid

TICKS_PER_US: Final = 27
MAX_PCR_STEP_US: Final = 2_000_000
"""References are at most 100 ms apart; a step over 2 s, or back, is another clock, indicator or not."""
MAX_CATCH_UP_US: Final = 10_000_000
"""Later than this we were suspended, not late: starting anew beats a flood."""
FOREIGN_PCRS_TO_SWITCH: Final = 100
"""So many references of other PIDs and none of ours: our program has ended."""


@dataclass(frozen=True, slots=True)
class PacedPiece:
    """Whole packets that may be sent at ``due_us`` (clock of ``now_us``) or, if that is past, at once."""

    due_us: int
    data: bytes


class PcrPacer:
    """Gives each piece of a stream the time at which it is due.

    Attributes:
        reanchors: How often the clock of the stream was set anew.
    """

    __slots__ = (
        "_anchor_us",
        "_due_us",
        "_finder",
        "_foreign_pcrs",
        "_last_pcr_27mhz",
        "_pid",
        "_ticks_27mhz",
        "reanchors",
    )

    def __init__(self) -> None:
        self._finder = PacketFinder()
        self._pid: int | None = None
        self._foreign_pcrs = 0
        self._last_pcr_27mhz = 0
        self._ticks_27mhz = 0
        self._anchor_us = 0
        self._due_us: int | None = None
        self.reanchors = 0

    def feed(self, data: bytes, now_us: int) -> list[PacedPiece]:
        """Return the whole packets of ``data`` as pieces; their due times never go back."""
        return self._pace(self._finder.feed(data), now_us)

    def flush(self, now_us: int) -> list[PacedPiece]:
        """Return what is left at the end of the stream."""
        return self._pace(self._finder.flush(), now_us)

    def _pace(self, packets: list[bytes], now_us: int) -> list[PacedPiece]:
        pieces: list[PacedPiece] = []
        run: list[bytes] = []
        for packet in packets:
            reference = _pcr_of(packet)
            if reference is not None and self._is_ours(packet):
                self._append(pieces, run, now_us)
                run = []
                self._handle_pcr(reference, bool(packet[5] & 0x80), now_us)
            run.append(packet)
        self._append(pieces, run, now_us)
        return pieces

    def _append(self, pieces: list[PacedPiece], run: list[bytes], now_us: int) -> None:
        if run:
            due_us = now_us if self._due_us is None else self._due_us
            pieces.append(PacedPiece(due_us, b"".join(run)))

    def _is_ours(self, packet: bytes) -> bool:
        pid = packet_pid(packet)
        if self._pid is None or pid == self._pid:
            self._pid, self._foreign_pcrs = pid, 0
            return True
        self._foreign_pcrs += 1
        if self._foreign_pcrs >= FOREIGN_PCRS_TO_SWITCH:
            self._pid, self._foreign_pcrs = pid, 0
            return True
        return False

    def _handle_pcr(self, pcr_27mhz: int, discontinuity: bool, now_us: int) -> None:
        step_27mhz = (pcr_27mhz - self._last_pcr_27mhz) % PCR_MODULUS_27MHZ
        self._last_pcr_27mhz = pcr_27mhz
        jumped = discontinuity or step_27mhz > MAX_PCR_STEP_US * TICKS_PER_US
        self._ticks_27mhz += step_27mhz
        due_us = self._anchor_us + self._ticks_27mhz // TICKS_PER_US
        if self._due_us is None or jumped or now_us - due_us > MAX_CATCH_UP_US:
            self.reanchors += self._due_us is not None
            # What went before is still to be sent, so a jump continues from there, not from now.
            due_us = max(now_us, self._due_us or now_us)
            self._anchor_us, self._ticks_27mhz = due_us, 0
        self._due_us = due_us


def _pcr_of(packet: bytes) -> int | None:
    has_field = packet[0] == SYNC_BYTE and packet[3] & 0x20 and 7 <= packet[4] <= 183 and packet[5] & 0x10
    if not has_field:
        return None
    bits = int.from_bytes(packet[6:12], "big")
    return ((bits >> 15) * 300 + (bits & 0x1FF)) % PCR_MODULUS_27MHZ
