"""Keys for tests, and what a receiver that has them makes of sealed packets."""

import struct

from headrace.srt.key_exchange import OpeningKeys
from headrace.srt.packet import HEADER_BYTES, Control
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import Parity, SessionKeys


def session_keys(number: int, *, key_bytes: int = 16) -> SessionKeys:
    """Return the keys of subscriber ``number``: an even and an odd one."""
    even, odd = ((number.to_bytes(7, "big") + bytes([parity])) * (key_bytes // 8) for parity in Parity)
    return SessionKeys(number.to_bytes(8, "big") * 2, even, odd)


def parity_of(datagram: bytes) -> Parity | None:
    """Return which key a data packet says that it is sealed with; None for none."""
    (word,) = struct.unpack_from(">I", datagram, 4)
    flags = word >> 27 & 3
    return Parity(flags) if flags else None


def opened(datagram: bytes, keys: SessionKeys) -> bytes:
    """Return the payload of a data packet, opened with the key that it names."""
    parity = parity_of(datagram)
    payload = datagram[HEADER_BYTES:]
    if parity is None:
        return payload
    key = keys.key(parity)
    assert key is not None
    (seqno,) = struct.unpack_from(">I", datagram)
    return PacketCipher(key, keys.salt).apply(seqno, payload)


class LastMessageCounts(OpeningKeys):
    """Takes keys as libsrt does: every message but a repetition of the last one, however late it comes.

    Source: libsrt 1.5.5, ``HaiCrypt_Rx_Process``: only what equals the cached message is passed over.
    """

    def handle_request(self, body: bytes, now_us: int) -> Control:
        if body not in list(self._seen)[-1:]:
            self._seen.clear()
        self._unwrapped_us = None
        return super().handle_request(body, now_us)
