"""One connection as a state machine: what the peer sends, in any order, while time passes and we send too."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.srt_datagrams import PARAMETERS, control, data, words

from headrace.srt.connection import Connection

WINDOW_PACKETS: Final = 64
WAITS_US: Final = (0, 1_000, 5_000, 10_000, 33_000, 130_000, 1_000_000, 6_000_000)
MESSAGES: Final = (0xE000_0001, 0xE400_0001, 0xE000_0001, 0xE800_0001, 0xF000_0001, 0xF800_0001, 0x2000_0001, 0)
_SMALL: Final = replace(
    PARAMETERS, flow_window_packets=WINDOW_PACKETS, peer_window_packets=WINDOW_PACKETS, send_latency_us=0
)
_SEQNOS: Final = ((100, 500), (0x7FFF_FFF0, 0x7FFF_FFF8), (0, 0))
_LOOK_BYTES: Final = 4
"""Asking a connection what it has to say costs some lines although nothing came."""
_MOST_TIMERS: Final = 64
"""Of one step: a machine that wants to be called again at once would never let others run."""


def run(script: bytes) -> int:
    """Play a script."""
    reader = Reader(script)
    sent, received = _SEQNOS[reader.below(3)]
    here = Connection(replace(_SMALL, send_seqno=sent, receive_seqno=received))
    play = _Play(here, sent, received)
    while not reader.is_over and here.close_reason is None:
        play.step(reader)
        play.check()
    return play.handed_bytes


class _Play:
    """A connection and its clock."""

    def __init__(self, here: Connection, sent: int, received: int) -> None:
        self.handed_bytes = 0
        self._here = here
        self._sent = sent
        self._next_seqno = received
        self._now_us = PARAMETERS.epoch_us
        self._delivered = -1

    def step(self, reader: Reader) -> None:
        """Do one thing."""
        match reader.below(6):
            case 0:
                self._wait(WAITS_US[reader.below(len(WAITS_US))])
            case 1:
                for _ in range(1 + reader.below(40)):
                    self._take(self._data(0, MESSAGES[0], b"payload"))
            case 2:
                step, flags = reader.number(1) - 128, reader.number(1)
                payload = bytes(reader.below(8) * 260)
                self._take(self._data(step, MESSAGES[flags % 8], payload, timestamp_us=reader.number(1) << 24))
            case 3:
                self._take(self._control(reader))
            case 4:
                self._take(reader.take(reader.number(1)))
            case _:
                self.handed_bytes += 64
                self._here.send(b"x" * (1 + reader.number(1)), self._now_us)
                self._here.poll_datagrams()

    def _data(self, step: int, word1: int, payload: bytes, *, timestamp_us: int = 0) -> bytes:
        seqno = (self._next_seqno + step) & 0x7FFF_FFFF
        self._next_seqno = (seqno + 1) & 0x7FFF_FFFF
        return data(seqno, payload, word1=word1, timestamp_us=timestamp_us + self._now_us & 0xFFFF_FFFF)

    def _control(self, reader: Reader) -> bytes:
        kind, count = reader.below(10), reader.below(8)
        if kind == 9:
            kind = 0x7FFF
        body = [reader.word(self._sent, self._next_seqno) for _ in range(count)]
        return control(kind, words(*body) + bytes(reader.below(4)), info=reader.number(1))

    def _take(self, datagram: bytes) -> None:
        here, stats = self._here, self._here.statistics
        before = stats.ignored_packets.total() + stats.receiver.received_packets
        is_open = here.close_reason is None
        here.handle_datagram(datagram, self._now_us)
        self.handed_bytes += 16 + len(datagram)
        stats = here.statistics
        if is_open and (len(datagram) < 16 or datagram[0] < 0x80):
            assert stats.ignored_packets.total() + stats.receiver.received_packets == before + 1
        buffered = here.sender.buffered_packets
        assert sum(map(len, here.poll_datagrams())) <= 512 + 8 * len(datagram) + 300 * buffered

    def _wait(self, wait_us: int) -> None:
        self._now_us += wait_us
        self.handed_bytes += _LOOK_BYTES
        for _ in range(_MOST_TIMERS):
            due_us = self._here.poll_timer()
            if due_us is None or due_us > self._now_us:
                break
            self._here.handle_timer(self._now_us)
            self.handed_bytes += 64
        else:
            raise AssertionError("it wants to be called again and again at one time")
        self._here.poll_datagrams()
        for item in self._here.poll_deliveries(self._now_us):
            assert item.packet_index > self._delivered
            self._delivered = item.packet_index
            self.handed_bytes += 16

    def check(self) -> None:
        """See that nothing in it is larger than it may be."""
        here = self._here
        assert here.receiver.buffered_packets <= WINDOW_PACKETS
        assert len(here.receiver.losses) <= WINDOW_PACKETS
        assert len(here.statistics.ignored_packets) <= 32
        receiver = here.statistics.receiver
        assert min(receiver.lost_packets, receiver.dropped_packets, receiver.recovered_packets) >= 0
        assert receiver.received_packets == (
            receiver.unique_packets
            + receiver.duplicate_packets
            + receiver.belated_packets
            + receiver.overflowed_packets
        )


def seeds() -> list[bytes]:
    """Return scripts that stream, lose, acknowledge, repeat and wait."""
    burst, wait, gap, back = b"\x01\x1e", b"\x00\x03", b"\x02\x85\x00\x01\x00", b"\x02\x79\x01\x01\x00"
    ack = b"\x03\x02\x04\x00\x44\x05\x60\x05\x50\x05\xff\x00\x01"
    nak, drop = b"\x03\x03\x03\x01\x41\x00\x43\x00\x45\x00\x00", b"\x03\x07\x02\x02\x38\x02\x3f\x00\x00"
    ackack = b"\x03\x06\x01\x05\x40\x00\x01"
    send = b"\x05\x40"
    return [
        b"\x00" + burst + wait + gap + wait + back + wait + ackack + b"\x00\x05",
        b"\x01" + send * 8 + wait + ack + send + nak + wait + nak + b"\x00\x06" + drop,
        b"\x02" + burst + drop + gap * 5 + b"\x00\x05" + burst + b"\x00\x06" + burst,
        b"\x00" + b"\x03\x01\x00\x00\x00\x00\x07\x03\x09\x04\x00\x80" + bytes(8) + b"\x04\x10" + bytes(16),
        b"\x01" + b"".join(b"\x02" + bytes([number, number, number, number]) for number in range(100, 160)),
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=1024, base_lines=3_000, lines_per_byte=12)
