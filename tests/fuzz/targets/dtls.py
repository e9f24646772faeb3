"""Handshakes of DTLS whose datagrams are lost, spoilt, doubled and made up, on their way to either side."""

from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.rtc_peers import OUR_IDENTITY, THEIR_IDENTITY

from headrace.webrtc.dtls import MAX_HANDSHAKE_BYTES, MTU_BYTES, Dtls, pack_records
from headrace.webrtc.identity import decode_fingerprint

_REASONS: Final = {None, "closed", "dtls_closed", "dtls_failed", "dtls_wrong_certificate", "dtls_no_srtp"}
_WAITS_US: Final = (1_000, 250_000, 1_000_000)


def run(script: bytes) -> int:
    """Play a script on a client and a server."""
    pack_records(script)
    reader = Reader(script)
    client = Dtls(OUR_IDENTITY, decode_fingerprint(THEIR_IDENTITY.fingerprint), is_client=True)
    server = Dtls(THEIR_IDENTITY, decode_fingerprint(OUR_IDENTITY.fingerprint), is_client=False)
    now_us, handed_bytes = 0, 0
    client.start(now_us)
    queue = _said(client, server)
    while not reader.is_over:
        match reader.below(8):
            case 0 | 1 | 2:
                given = queue[:1]
                queue = queue[1:]
            case 3:
                given, queue = [], queue[1:]
            case 4:
                given = queue[:1]
            case 5:
                given = [(_spoil(data, reader), to) for data, to in queue[:1]]
            case 6:
                given = [(reader.take(reader.number(1)), (client, server)[reader.below(2)])]
            case _:
                given = []
                now_us += _WAITS_US[reader.below(len(_WAITS_US))]
                client.handle_timer(now_us)
                server.handle_timer(now_us)
        for data, to in given:
            to.handle_datagram(data, now_us)
            handed_bytes += len(data)
        queue = (queue + _said(client, server) + _said(server, client))[:32]
        handed_bytes += 64
    _check(client, server)
    return handed_bytes


def _said(by: Dtls, to: Dtls) -> list[tuple[bytes, Dtls]]:
    datagrams = by.poll_datagrams()
    assert sum(map(len, datagrams)) <= MAX_HANDSHAKE_BYTES
    assert all(0 < len(data) <= MTU_BYTES for data in datagrams)
    return [(data, to) for data in datagrams]


def _spoil(data: bytes, reader: Reader) -> bytes:
    at = reader.number(2) % len(data)
    return data[:at] + reader.take(1 + reader.below(3)) + data[at + reader.below(4) :]


def _check(client: Dtls, server: Dtls) -> None:
    assert {client.close_reason, server.close_reason} <= _REASONS
    if client.keys is not None and server.keys is not None:
        assert client.keys == (server.keys[1], server.keys[0])


def seeds() -> list[bytes]:
    """Return handshakes that come to an end, with this and that in between."""
    carry, lose, double, wait = b"\0", b"\3", b"\4", b"\7\2"
    return [
        carry * 8,
        carry + lose + wait + carry * 8,
        double + carry + double + carry * 2 + double + carry * 5,
        carry + b"\5\0\x20\1\0\1" + carry * 8,
        carry * 2 + b"\6\x0f\0\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28" + carry * 6,
        carry * 8 + b"\6\x10\0\x17\xfe\xfd\0\1" + bytes(12) + b"\7\1" * 3,
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=256, base_lines=4_000)
