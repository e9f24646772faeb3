"""Hundreds of viewers by WHEP: a real session each, whose media is received in bulk and counted as columns.

Each is at an address of its own (`headrace.bench.loopback_port`), posts its offer from there, makes ICE checks,
does the DTLS handshake, opens some of its media and all its sender reports, and sends reports and checks until it
goes.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from random import Random
from typing import Final

import numpy as np

from headrace.base.datagram_batch import BoolArray
from headrace.base.errors import PacketError
from headrace.base.sockaddr import encode_sockaddr
from headrace.bench.light_viewer import LightViewer
from headrace.bench.loopback_port import LoadError, LoopbackPort, Received
from headrace.bench.rtp_receivers import RtpReceivers
from headrace.netio.clock import now_us, unix_time_us
from headrace.netio.deadlines import Deadlines
from headrace.webrtc.identity import make_identity

AT_ONCE: Final = 16
"""So many join at a time: a crowd that all came at the same moment would measure a queue."""
MAX_BATCHES_A_TURN: Final = 64
"""Then the others get their turn, although more has come."""

_RTCP_FIRST: Final = 192
_RTCP_LAST: Final = 223

Post = Callable[[str, str], "Future[str]"]
"""Sends an offer from a host; the result is the answer."""


class LightViewers:
    """Viewers of one channel.

    Args:
        port: With as many peers, which tells their numbers and reads whole datagrams.
        count: How many.
        post: Sends their offers.

    Attributes:
        received: Their media.
        sent_reports: Of all.
        forged_reports: Of all that came, which could not be opened.
        shutdowns: How many were told that their session is over.
    """

    def __init__(self, port: LoopbackPort, count: int, post: Post) -> None:
        self._port = port
        self._post = post
        random, identity = Random(1), make_identity(unix_time_us() // 1_000_000)
        self._hosts = [str(port.first_address + number) for number in range(count)]
        self._viewers = [
            LightViewer(encode_sockaddr(host, port.number), identity, random.randbytes) for host in self._hosts
        ]
        self._next_number = 0
        self._posted: dict[int, Future[str]] = {}
        self._joining: set[int] = set()
        self._allowed = 0
        self._deadlines = Deadlines()
        self.received = RtpReceivers(count)
        self.sent_reports = self.forged_reports = self.shutdowns = 0

    def let_join(self, count: int) -> None:
        """Let the first ``count`` join, those that have not yet."""
        self._allowed = count

    @property
    def has_joined(self) -> bool:
        """Whether all who were let have a connection."""
        return self._next_number >= self._allowed and not self._posted and not self._joining

    @property
    def has_started(self) -> bool:
        """Whether all who were let have got media."""
        return bool((self.received.first_seqnos[: self._allowed] >= 0).all())

    @property
    def answered_checks(self) -> int:
        """Of all."""
        return sum(viewer.answered_checks for viewer in self._viewers)

    def turn(self) -> None:
        """Take what has come, and do what is due.

        Raises:
            HeadraceError: Somebody cannot join.
        """
        if not self.has_joined:
            self._join()
        for _ in range(MAX_BATCHES_A_TURN):
            received = self._port.receive()
            if received is None:
                break
            self._take(received)
        self._do_due()

    def _join(self) -> None:
        while self._next_number < self._allowed and len(self._posted) + len(self._joining) < AT_ONCE:
            number = self._next_number
            self._posted[number] = self._post(self._viewers[number].offer, self._hosts[number])
            self._next_number += 1
        for number in [number for number, answer in self._posted.items() if answer.done()]:
            self._viewers[number].take_answer(self._posted.pop(number).result(), now_us())
            self._joining.add(number)
            self._deadlines.set(number, now_us())

    def _take(self, received: Received) -> None:
        first, second = received.data[:, 0], received.data[:, 1]
        is_media: BoolArray = first & 0xC0 == 0x80
        is_report: BoolArray = is_media & (second >= _RTCP_FIRST) & (second <= _RTCP_LAST)
        is_rtp = is_media & ~is_report
        # Keys first: media may have come with the last flight of a handshake.
        if not is_rtp.all():
            for position in np.flatnonzero(~is_media).tolist():
                self._take_datagram(int(received.numbers[position]), received.datagram(position))
            for position in np.flatnonzero(is_report).tolist():
                self._take_report(int(received.numbers[position]), received.datagram(position))
            received = received.take(is_rtp)
        if len(received.numbers):
            self.received.take(received)

    def _take_datagram(self, number: int, datagram: bytes) -> None:
        viewer = self._viewers[number]
        had_ended = viewer.close_reason is not None
        viewer.handle_datagram(datagram, now_us())
        if number in self._joining and viewer.opener is not None:
            self._joining.remove(number)
            self.received.admit(number, viewer.opener, viewer.ssrc)
        if viewer.close_reason is not None and not had_ended:
            if number in self._joining:
                raise LoadError(f"a viewer's handshake failed: {viewer.close_reason}")
            self.shutdowns += 1
        self._send((number, one) for one in viewer.poll_datagrams())
        self._deadlines.set(number, viewer.poll_timer())

    def _take_report(self, number: int, datagram: bytes) -> None:
        try:
            self._viewers[number].handle_rtcp(datagram, now_us())
        except PacketError:
            self.forged_reports += 1

    def _do_due(self) -> None:
        time_us = now_us()
        outgoing: list[tuple[int, bytes]] = []
        for number in self._deadlines.pop_due(time_us):
            viewer = self._viewers[number]
            viewer.handle_timer(time_us)
            outgoing += [(number, datagram) for datagram in viewer.poll_datagrams()]
            report = viewer.poll_report(*self._arrived(number), time_us)
            if report is not None:
                outgoing.append((number, report))
                self.sent_reports += 1
            self._deadlines.set(number, viewer.poll_timer())
        self._send(outgoing)

    def _arrived(self, number: int) -> tuple[int, int]:
        """Return the highest sequence number that has come, extended, and how many packets are missing."""
        arrivals, first_seqno = self.received.arrivals, int(self.received.first_seqnos[number])
        next_index = int(arrivals.next_index[number])
        return max(0, first_seqno + next_index - 1), next_index - int(arrivals.received_packets[number])

    def _send(self, outgoing: Iterable[tuple[int, bytes]]) -> None:
        datagrams = list(outgoing)
        if not datagrams:
            return
        numbers, lengths = (
            np.array(column)
            for column in zip(*((number, len(datagram)) for number, datagram in datagrams), strict=True)
        )
        rows = np.zeros((len(datagrams), int(lengths.max())), np.uint8)
        for row, (_, datagram) in zip(rows, datagrams, strict=True):
            row[: len(datagram)] = np.frombuffer(datagram, np.uint8)
        self._port.send(numbers, rows, lengths)

    def close(self) -> None:
        """Say goodbye to the broker."""
        for number, viewer in enumerate(self._viewers):
            viewer.close(now_us())
            self._send((number, datagram) for datagram in viewer.poll_datagrams())
