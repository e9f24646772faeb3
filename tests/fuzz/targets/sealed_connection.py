"""An encrypted connection: sealed and clear packets, and keys that change, in time and at any other moment."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.targets.connection import WAITS_US, WINDOW_PACKETS
from tests.fuzz.wrong import make_wrong
from tests.support.srt_datagrams import PARAMETERS, control, data, words

from headrace.srt.connection import Connection
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.key_material import encode_key_material, make_keys, wrap_keys
from headrace.srt.packet import ControlType
from headrace.srt.session_keys import KeySource

_SOURCE: Final = KeySource(bytes(32))
_KEYS: Final = make_keys("a long passphrase", 16, _SOURCE)
_NEXT: Final = replace(_KEYS, even=None, odd=_SOURCE.make(16))
_BOTH: Final = replace(_KEYS, odd=_SOURCE.make(16))
_FOREIGN: Final = make_keys("another passphrase", 16, _SOURCE)
_MESSAGES: Final = tuple(encode_key_material(wrap_keys(keys)) for keys in (_KEYS, _NEXT, _BOTH, _FOREIGN))
_PARAMETERS: Final = replace(
    PARAMETERS,
    keys=_KEYS,
    key_refresh=KeyRefresh(16, 4),
    flow_window_packets=WINDOW_PACKETS,
    peer_window_packets=WINDOW_PACKETS,
)
_SECRETS: Final = tuple(key for keys in (_KEYS, _NEXT, _BOTH) for key in (keys.even, keys.odd, keys.kek) if key)


def run(script: bytes) -> int:
    """Play a script."""
    reader, here = Reader(script), Connection(_PARAMETERS, KeySource(bytes(32)))
    now_us, seqno, handed_bytes = PARAMETERS.epoch_us, PARAMETERS.receive_seqno, 0
    while not reader.is_over and here.close_reason is None:
        datagram = b""
        match reader.below(6):
            case 0:
                now_us += WAITS_US[reader.below(len(WAITS_US))]
                here.handle_timer(now_us)
                handed_bytes += 64 + 16 * len(here.poll_deliveries(now_us))
            case 1:
                flags = 0xE000_0001 | reader.below(4) << 27
                datagram = data(seqno, bytes(reader.number(1)), word1=flags)
                seqno = (seqno + 1 + reader.below(3)) & 0x7FFF_FFFF
            case 2:
                datagram = _key_message(reader)
            case 3:
                here.send(b"x" * (1 + reader.number(1)), now_us)
                _check(here, here.poll_datagrams(), bytes(256))
            case 4:
                kind = (ControlType.ACK, ControlType.NAK, ControlType.KEEPALIVE)[reader.below(3)]
                body = [reader.word(PARAMETERS.send_seqno) for _ in range(reader.below(5))]
                datagram = control(kind, words(*body), info=reader.number(1))
            case _:
                datagram = reader.take(reader.number(1))
        here.handle_datagram(datagram, now_us)
        _check(here, here.poll_datagrams(), datagram)
        handed_bytes += 64 + len(datagram)
    return handed_bytes


def _key_message(reader: Reader) -> bytes:
    body, subtype = _MESSAGES[reader.below(len(_MESSAGES))], 3 + reader.below(2)
    if reader.below(3) == 0:
        at = reader.below(len(body))
        body = body[:at] + reader.take(2) + body[at + 2 :]
    body = (body * 9)[: len(body) + reader.number(1) * 4] if reader.below(4) == 0 else body
    return words(0x8000_0000 | ControlType.USER_DEFINED << 16 | subtype, 0, 0, PARAMETERS.socket_id) + body


def _check(here: Connection, said: list[bytes], datagram: bytes) -> None:
    assert here.opening is not None
    assert here.sealing is not None
    assert here.opening.keys.salt == _KEYS.salt
    assert here.opening.keys.kek == _KEYS.kek
    assert len(here.opening._ciphers) <= 2
    assert len(here.opening._seen) <= 4
    assert here.receiver.buffered_packets <= WINDOW_PACKETS
    for one in said:
        assert not any(secret in one for secret in _SECRETS)
        assert one[0] >= 0x80 or one[4] & 0x18, "a data packet left in the clear"
    assert sum(map(len, said)) <= 1_024 + 8 * len(datagram) + 300 * here.sender.buffered_packets


def seeds() -> list[bytes]:
    """Return scripts in which both sides send, change keys and lose things."""
    sealed, odd, clear, wait = b"\x01\x01\x40\x00", b"\x01\x02\x40\x00", b"\x01\x00\x40\x00", b"\x00\x03"
    fresh, again, answer = b"\x02\x01\x00\x01\x01", b"\x02\x02\x00\x01\x01", b"\x02\x01\x01\x01\x01"
    send, ack = b"\x03\x30", b"\x04\x00\x04\x00\x44\x03\x60\x03\x50\x03\xff\x01"
    return [
        sealed * 3 + fresh + wait + odd * 3 + sealed + wait * 3,
        send * 14 + wait + answer + send * 8 + ack + wait + send * 8,
        clear + sealed + b"\x01\x03\x40\x00" + again + fresh + again + b"\x02\x03\x00\x01\x01",
        fresh + b"\x02\x01\x00\x00\x0f\xff\xff\x01" + b"\x02\x01\x00\x01\x00\xff" + b"\x00\x06" * 3 + send,
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=1024, base_lines=3_000, lines_per_byte=12)
