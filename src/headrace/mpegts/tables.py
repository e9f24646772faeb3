"""The tables of a transport stream with one program, and how one such stream takes the PIDs of another.

Source: ISO/IEC 13818-1, 2.4.4.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from headrace.mpegts.packet import NULL_PID
from headrace.mpegts.psi import ElementaryStream, ProgramAssociation, ProgramMap
from headrace.mpegts.stream_type import StreamType

FIRST_FREE_PID: Final = 0x0100


@dataclass(frozen=True, slots=True)
class Tables:
    """A PAT with one program, and that program's PMT.

    Attributes:
        pat: As decoded.
        pmt: As decoded.
    """

    pat: ProgramAssociation
    pmt: ProgramMap

    @property
    def pmt_pid(self) -> int:
        """The PID that carries the PMT."""
        return next(pid for program, pid in self.pat.program_pids if program == self.pmt.program_number)

    @property
    def pids(self) -> frozenset[int]:
        """The PIDs of the elementary streams and of the clock reference."""
        return frozenset({stream.pid for stream in self.pmt.streams} | {self.pmt.pcr_pid})


def continue_tables(
    before: Tables, after: Tables, earlier: Iterable[ElementaryStream] = ()
) -> tuple[Tables, dict[int, int]]:
    """Return the tables with which the stream of ``after`` goes on as that of ``before``, and its new PIDs.

    A stream takes the PID of one of its type, so that a player which has chosen its streams plays on. Others keep
    their PID, or get one that nothing had; where none is left, their packets become null packets. The version
    changes if anything else does.

    Args:
        before: What was sent last.
        after: What goes on.
        earlier: Streams that were sent before that; one of their type that comes again takes its old PID.
    """
    gone = tuple(stream for stream in earlier if stream.pid not in before.pids)
    pids = _match((*before.pmt.streams, *gone), after.pmt.streams) | _match_clocks(before.pmt, after.pmt)
    taken = set(before.pids) | {before.pmt_pid} | set(pids.values()) | {stream.pid for stream in gone}
    free_pids = (pid for pid in range(FIRST_FREE_PID, NULL_PID) if pid not in taken)
    for pid in sorted(after.pids - pids.keys()):
        pids[pid] = pid if pid not in taken else next(free_pids, NULL_PID)
        taken.add(pids[pid])
    pmt = replace(
        after.pmt,
        program_number=before.pmt.program_number,
        version=before.pmt.version,
        pcr_pid=pids[after.pmt.pcr_pid],
        streams=tuple(replace(stream, pid=pids[stream.pid]) for stream in after.pmt.streams),
    )
    if pmt != before.pmt:
        pmt = replace(pmt, version=(before.pmt.version + 1) % 32)
    return Tables(before.pat, pmt), pids


def _match(before: tuple[ElementaryStream, ...], after: tuple[ElementaryStream, ...]) -> dict[int, int]:
    # A stream may announce other tables with each packet, so every stream is looked at once.
    free: defaultdict[tuple[object, ...], deque[int]] = defaultdict(deque)
    for stream in before:
        free[_kind(stream)].append(stream.pid)
    pids: dict[int, int] = {}
    for stream in after:
        twins = free.get(_kind(stream))
        if twins:
            pids[stream.pid] = twins.popleft()
    return pids


def _match_clocks(before: ProgramMap, after: ProgramMap) -> dict[int, int]:
    """Return the PID of a clock reference that no stream carries: that of such a one before; none stays none."""
    if after.pcr_pid == NULL_PID:
        return {NULL_PID: NULL_PID}
    is_apart = (pmt.pcr_pid not in {NULL_PID, *(stream.pid for stream in pmt.streams)} for pmt in (before, after))
    return {after.pcr_pid: before.pcr_pid} if all(is_apart) else {}


def _kind(stream: ElementaryStream) -> tuple[object, ...]:
    """Return what two streams must share to be decoded alike; for private data the descriptors tell what it is."""
    if stream.stream_type != StreamType.PRIVATE_DATA:
        return (stream.stream_type,)
    return stream.stream_type, *sorted({d.tag for d in stream.descriptors}), *stream.format_ids
