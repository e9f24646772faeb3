"""What a broker's added latency is compared with: every datagram to everybody, by a loop over ``sendto``.

It knows no protocol, keeps nothing and repairs nothing; nobody acknowledges anything to it.
"""

import argparse
import socket
from typing import Final

SUBSCRIBE: Final = b"\xff" * 16
"""For those who read it as an SRT header, a control packet."""
BUFFER_BYTES: Final = 8 << 20


def relay(udp: socket.socket) -> None:
    """Answer who subscribes, and send everything else on to all who did."""
    subscribers = []
    while True:
        datagram, address = udp.recvfrom(2048)
        if datagram == SUBSCRIBE:
            subscribers.append(address)
            udp.sendto(SUBSCRIBE, address)
        else:
            for subscriber in subscribers:
                udp.sendto(datagram, subscriber)


def main() -> None:
    """Relay until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        udp.bind(("127.0.0.1", parser.parse_args().port))
        relay(udp)


if __name__ == "__main__":
    main()
