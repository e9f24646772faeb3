"""Loss reports of many subscribers at once, against one after the other."""

from collections import Counter
from random import Random
from typing import Final

import numpy as np
from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.srt_datagrams import words

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.loss_columns import decode_loss_reports
from headrace.srt.packet import decode_loss_report

_MOST_BYTES: Final = 1456


def run(script: bytes) -> int:
    """Cut an input into reports, each behind its length, and decode them in both ways."""
    reader, bodies = Reader(script), list[bytes]()
    while not reader.is_over:
        bodies.append(reader.take(reader.number(2) % (_MOST_BYTES + 1)))
    counts = np.array([len(body) // 4 for body in bodies], np.int64)
    rows = np.full((len(bodies), 4 * int(counts.max(initial=0))), 0xAA, np.uint8)
    for row, body in enumerate(bodies):
        rows[row, : 4 * counts[row]] = np.frombuffer(body, np.uint8, 4 * counts[row])
    spans, malformed = decode_loss_reports(rows, counts)
    expected: list[tuple[int, int, int]] = []
    reasons: Counter[str] = Counter()
    for report, body in enumerate(bodies):
        try:
            expected += [(report, first, last) for first, last in decode_loss_report(body)]
        except PacketError as error:
            reasons[error.reason] += 1
    assert list(zip(*(column.tolist() for column in spans), strict=True)) == expected
    assert +malformed == reasons
    return len(script)


def _script(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def seeds() -> list[bytes]:
    """Return reports of single packets and ranges, within one batch and in several."""
    single, ranged = words(5), words(0x8000_0007, 9)
    return [
        _script(single),
        _script(ranged, single, words(0xFFFF_FFFE, 3, 8)),
        _script(words(SEQNO_MASK, 0x8000_0000 | SEQNO_MASK, 0), b"", ranged + single),
        _script(ranged + ranged, words(0x8000_0001), words(0x8000_0009, 7)),
        _script(*[words(number) for number in range(30)]),
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the reports with one word wrong."""
    return make_wrong(script, random, pick_word)


TARGET = Target(run, seeds, wrong, lines_per_byte=30)
