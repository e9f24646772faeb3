"""How a broker is to do WebRTC."""

import errno
from dataclasses import dataclass
from typing import Final

from headrace.base.errors import HeadraceError
from headrace.netio.udp_socket import UdpSocket

DEFAULT_RTC_PORT: Final = 8889
MAX_SESSIONS: Final = 8_192
"""Of 2.5 Mbit/s these would be 20 Gbit/s, more than one thread seals."""
MOST_BITS_PER_SECOND: Final = 8_000_000
"""A camera in 1080p60; a browser takes 2.5 Mbit/s where nobody sets more."""
MAX_HALF_OPEN: Final = 512
"""Sessions whose connection is not there yet: each may cost a handshake of two milliseconds."""

MAX_HALF_OPEN_PER_HOST: Final = 64
"""A connection takes a quarter of a second: a school behind one address gets in within moments, and a stranger who
agrees on sessions and never calls leaves room for the others."""


class RtcListenError(HeadraceError):
    """Browsers cannot be listened to where it was told to."""


@dataclass(frozen=True, slots=True)
class RtcConfig:
    """One UDP port for all browsers.

    Attributes:
        host: Address to listen on; None is all, IPv4 and IPv6.
        port: UDP port; 0 lets the system choose.
        public_addresses: At which browsers reach it; none are those of this machine, or the one it listens on.
        max_sessions: Most at a time.
        most_bits_per_second: Who produces is asked not to send more.
        max_half_open: Of these, those whose connection is not there yet.
        max_half_open_per_host: Of these, those of one host: an IPv4 address, or a /64 of IPv6.
        max_recoded_channels: So many channels may be re-encoded at a time, as they have B-frames; 0 lets none be.
    """

    host: str | None = None
    port: int = DEFAULT_RTC_PORT
    public_addresses: tuple[str, ...] = ()
    max_sessions: int = MAX_SESSIONS
    most_bits_per_second: int = MOST_BITS_PER_SECOND
    max_half_open: int = MAX_HALF_OPEN
    max_half_open_per_host: int = MAX_HALF_OPEN_PER_HOST
    max_recoded_channels: int = 0


def bind_for_browsers(config: RtcConfig) -> UdpSocket:
    """Return the socket of the one port.

    Raises:
        RtcListenError: It cannot be listened on; the message says what to do.
    """
    try:
        return UdpSocket.bind(config.host, config.port)
    except OSError as error:
        where = f"{'*' if config.host is None else config.host}:{config.port}"
        hint = "choose another port with --webrtc-port, or have no browsers with --http off"
        if error.errno == errno.EADDRINUSE:
            hint = f"another program is there: {hint}"
        text = f"cannot listen for browsers on UDP {where}: {error.strerror or error}: {hint}"
        raise RtcListenError(text) from None
