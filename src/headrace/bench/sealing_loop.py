"""What a broker is compared with for browsers: each packet sealed for each viewer and sent, by a loop in Python.

It is what one writes first on `cryptography`: a header with the viewer's numbers, AES-128-GCM, ``sendto``. It is
fed RTP packets that are ready, knows neither SRT nor HTTP nor DTLS, answers nothing and keeps nothing. The packet
is taken apart once for all. The command line is that of `headrace.bench.sendto_relay`.

Source: RFC 7714, 8 (AES-GCM for SRTP).
"""

import socket
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headrace.bench.sendto_relay import BUFFER_BYTES, read_arguments
from headrace.webrtc.srtp_profile import AES_128_GCM, MasterKey

PAYLOAD_TYPE: Final = 102

_MAX_DATAGRAM_BYTES: Final = 2048
_HEADER_BYTES: Final = 12
_NONCE_BYTES: Final = 12
_RTP_CIPHER: Final = 0
_RTP_SALT: Final = 2


def master_key(number: int) -> MasterKey:
    """Return what viewer ``number`` gets its packets sealed with: no secret, as nobody else is to be kept out."""
    profile = AES_128_GCM
    return MasterKey(
        profile, number.to_bytes(profile.key_bytes, "big"), number.to_bytes(profile.salt_bytes, "big")
    )


class SealedViewer:
    """One viewer.

    Args:
        number: From which its keys come.
        address: Host and port.

    Attributes:
        address: As given.
        index: Of its next packet.
    """

    __slots__ = ("_cipher", "_salt", "address", "index")

    def __init__(self, number: int, address: tuple[str, int]) -> None:
        master = master_key(number)
        self._cipher = AESGCM(master.derive(_RTP_CIPHER, master.profile.key_bytes))
        self._salt = int.from_bytes(master.derive(_RTP_SALT, master.profile.salt_bytes), "big")
        self.address = address
        self.index = 0

    def seal(self, second: int, rest: bytes, ssrc: int, payload: bytes) -> bytes:
        """Return its next packet, sealed.

        Args:
            second: Byte of the header: marker and payload type.
            rest: Of the header: timestamp and SSRC.
            ssrc: The same as a number.
            payload: In clear.
        """
        index = self.index
        self.index = index + 1
        header = b"\x80" + bytes((second,)) + (index & 0xFFFF).to_bytes(2, "big") + rest
        nonce = (self._salt ^ (ssrc << 48 | index)).to_bytes(_NONCE_BYTES, "big")
        return header + self._cipher.encrypt(nonce, payload, header)


def relay(udp: socket.socket, viewers: list[SealedViewer]) -> None:
    """Send everything that comes on to all viewers, until killed."""
    send = udp.sendto
    while True:
        packet = udp.recv(_MAX_DATAGRAM_BYTES)
        second, rest, payload = packet[1] & 0x80 | PAYLOAD_TYPE, packet[4:_HEADER_BYTES], packet[_HEADER_BYTES:]
        ssrc = int.from_bytes(packet[8:_HEADER_BYTES], "big")
        for viewer in viewers:
            send(viewer.seal(second, rest, ssrc, payload), viewer.address)


def main() -> None:
    """Relay until killed."""
    arguments = read_arguments(__doc__.partition("\n")[0])
    viewers = [SealedViewer(number, target) for number, target in enumerate(arguments.targets)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        udp.bind(("127.0.0.1", arguments.port))
        relay(udp, viewers)


if __name__ == "__main__":
    main()
