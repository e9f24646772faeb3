"""The producers of one channel, one after the other; none says goodbye."""

from random import Random
from typing import Final

from bench.first_frame import FRAMES_PER_SECOND
from bench.lossy_socket import LossySocket
from bench.soak.soak_channel import SoakChannel
from bench.soak.tally import Tally
from bench.srt_peer import SrtPeer
from tests.simnet.link import SimLink

from headrace.base.errors import HeadraceError
from headrace.srt.caller import CallerOptions

BAD_LINK: Final = SimLink(loss=0.02, mean_burst_packets=3)
LIFE_US: Final = 20_000_000, 40_000_000
PAUSE_US: Final = 200_000, 3_000_000
"""How long a killed one stays away: less and more than the half second after which its place counts as free."""
HANG_US: Final = 8_000_000
"""So long a hung one keeps its socket: longer than the broker's patience of 5 s."""
CONNECT_US: Final = 6_000_000
RETRY_US: Final = 1_000_000


class SoakProducer:
    """Sends a channel's pictures on time; its lives end as the channel wants it.

    Args:
        port: The broker's, on the loopback interface.
        channel: What to send.
        tally: Where to count.
        random: Decides how long lives are.
    """

    def __init__(self, port: int, channel: SoakChannel, tally: Tally, random: Random) -> None:
        self._port = port
        self._channel = channel
        self._tally = tally
        self._random = random
        self._peer: SrtPeer | None = None
        self._born_us = 0
        self._dies_us = 0
        self._start_us: int | None = None
        self._sent_pictures = 0
        self._pictures = channel.pictures()
        self._hung: list[tuple[int, SrtPeer]] = []

    def handle_tick(self, now_us: int) -> None:
        """Do what is due."""
        while self._hung and now_us >= self._hung[0][0]:
            self._hung.pop(0)[1].vanish()
        if self._peer is None:
            if now_us >= self._born_us:
                self._begin(now_us)
            return
        self._peer.turn(now_us)
        if not self._is_connected(self._peer, now_us):
            return
        self._send_due(self._peer, now_us)
        if now_us >= self._dies_us:
            self._end(self._peer, now_us)

    def _begin(self, now_us: int) -> None:
        udp = LossySocket(BAD_LINK, self._random) if self._channel.is_lossy else None
        options = CallerOptions(stream_id=f"publish:{self._channel.channel_id}", connect_timeout_us=CONNECT_US)
        self._peer = SrtPeer("127.0.0.1", self._port, options, udp)
        self._dies_us = now_us + self._random.randint(*LIFE_US)
        self._start_us = None
        self._sent_pictures = 0
        self._pictures = self._channel.pictures()

    def _is_connected(self, peer: SrtPeer, now_us: int) -> bool:
        try:
            if not peer.is_connected:
                return False
        except HeadraceError:
            self._fail(peer, "producer not admitted", now_us)
            return False
        if peer.connection.close_reason is not None:
            self._fail(peer, "producer cut off", now_us)
            return False
        return True

    def _fail(self, peer: SrtPeer, fault: str, now_us: int) -> None:
        self._tally.faults[fault] += 1
        peer.vanish()
        self._peer, self._born_us = None, now_us + RETRY_US
        self._channel.ended_us = now_us

    def _send_due(self, peer: SrtPeer, now_us: int) -> None:
        if self._start_us is None:
            self._start_us = now_us
        while now_us >= self._start_us + self._sent_pictures * 1_000_000 // FRAMES_PER_SECOND:
            self._sent_pictures += 1
            for video in next(self._pictures):
                peer.connection.send(self._channel.stamp(video), now_us)
                peer.flush()

    def _end(self, peer: SrtPeer, now_us: int) -> None:
        self._channel.ended_us = now_us
        self._peer, self._born_us = None, now_us
        if self._channel.is_taken:
            self._hung.append((now_us + HANG_US, peer))
            self._tally.producer_ends["hung and replaced"] += 1
        else:
            peer.vanish()
            self._born_us += self._random.randint(*PAUSE_US)
            self._tally.producer_ends["killed"] += 1

    def close(self) -> None:
        """End all."""
        for _, peer in self._hung:
            peer.vanish()
        if self._peer is not None:
            self._peer.close()
