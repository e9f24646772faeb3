"""Which error numbers of a UDP socket are ordinary life.

Source: udp(7), ip(7); Linux's ``icmp_err_convert`` and ``icmpv6_err_convert`` for ICMP; FreeBSD's and macOS's
send(2) for ``ENOBUFS``.
"""

import errno
from typing import Final

NO_ROOM: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM})
"""The kernel has no room for more now. macOS says ``ENOBUFS`` where Linux says ``EAGAIN``."""

FROM_THE_NETWORK: Final = frozenset(
    {
        errno.EACCES,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EMSGSIZE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        getattr(errno, "ENONET", errno.EHOSTUNREACH),  # "host isolated"; macOS has no such number
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
        errno.ETIMEDOUT,
    }
)
"""An ICMP message about an earlier datagram, or an interrupted call: nothing is wrong with the socket."""

SEGMENTS_REFUSED: Final = frozenset({errno.EINVAL, errno.EMSGSIZE, errno.EIO})
"""Why a segmented message may fail where its single datagrams would pass. The first two are older and newer
kernels' words for a segment that is over the MTU of its path; with the third the device that the route leads
through, or IPsec on the way, cannot do what segmentation needs."""
