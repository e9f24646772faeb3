"""A caller as a state machine: what a listener, or somebody in its place, answers; then the connection itself."""

from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.listener_host import ListenerHost
from tests.support.srt_datagrams import control, data

from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.packet import HEADER_BYTES
from headrace.srt.silence_probe import SilenceProbe

_SOCKET_ID: Final = 0x2222
_OPTIONS: Final = CallerOptions(stream_id="publish:1AAA99")


def run(script: bytes) -> int:
    """Cut an input into datagrams, each behind its length and a wait, and hand them to a caller."""
    reader, now_us, handed_bytes = Reader(script), 0, 0
    caller = Caller(_OPTIONS, socket_id=_SOCKET_ID, initial_seqno=5, now_us=now_us)
    probe: SilenceProbe | None = None
    caller.handle_timer(now_us)
    while not reader.is_over:
        now_us += 10_000 * reader.number(1)
        datagram = reader.take(reader.number(2) % 1500)
        handed_bytes += 64 + len(datagram)
        if caller.connection is None:
            ignored = caller.ignored_packets.total()
            caller.handle_datagram(datagram, now_us)
            assert 0 <= caller.ignored_packets.total() - ignored <= 1
            caller.handle_timer(now_us)
            assert sum(map(len, caller.poll_datagrams())) <= 3 * 200
        else:
            probe = probe or SilenceProbe(caller.connection, _OPTIONS)
            if not probe.handle_datagram(datagram, now_us):
                caller.connection.handle_datagram(datagram, now_us)
            caller.connection.handle_timer(now_us)
            probe.handle_timer(now_us)
            assert len(probe.poll_datagrams()) <= 1
            caller.connection.poll_datagrams()
            caller.connection.poll_deliveries(now_us)
            assert 32 <= caller.connection.parameters.max_payload_bytes <= 1456
        assert caller.error is None or caller.connection is None
        assert len(caller.ignored_packets) <= 32
    return handed_bytes


def script_of(*datagrams: bytes, wait: int = 1) -> bytes:
    """Return datagrams as a script."""
    return b"".join(bytes([wait]) + len(datagram).to_bytes(2, "big") + datagram for datagram in datagrams)


def _answers(*, refuses: bool = False) -> list[bytes]:
    """Return what a listener answers this caller."""
    host = ListenerHost(refuses=refuses)
    caller = Caller(_OPTIONS, socket_id=_SOCKET_ID, initial_seqno=5, now_us=0)
    caller.handle_timer(0)
    answers = [host.answer(caller.poll_datagrams()[0])]
    caller.handle_datagram(answers[0], 0)
    return [*answers, host.answer(caller.poll_datagrams()[0])]


def seeds() -> list[bytes]:
    """Return conversations that open a connection, are refused, and find a listener that was restarted."""
    accepted, refused = _answers(), _answers(refuses=True)
    stream = [data(5 + number, bytes(40), to=_SOCKET_ID) for number in range(5)]
    end = control(5, bytes(4), to=_SOCKET_ID)
    return [
        script_of(*accepted, *stream, end),
        script_of(*refused),
        script_of(accepted[0], accepted[0], accepted[1], accepted[1], stream[0]),
        script_of(*accepted) + script_of(*[accepted[0]] * 8, wait=30),
        script_of(accepted[0], b"\x80" + bytes(HEADER_BYTES)),
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the conversation with a word wrong."""
    return make_wrong(script, random, pick_word)


TARGET = Target(run, seeds, wrong, max_bytes=1600, base_lines=3_000, lines_per_byte=15)
