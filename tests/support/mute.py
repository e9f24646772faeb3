"""A subscriber that only listens, a producer that loses what a test wants, and what came."""

from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import World
from tests.support.srt_datagrams import control, kind_of, of_kind, words

from headrace.base.seqno import add_seqno
from headrace.srt.packet import RETRANSMITTED_FLAG, ControlType

DATA = None


class Mute:
    """A subscriber that only listens: what it says is the test's to say."""

    def __init__(self, world: World, channel_id: str = "A") -> None:
        self.world = world
        self.port = world.join(channel_id)
        self.address = next(a for a, port in world.network._ports.items() if port.endpoint is self.port)
        self.parameters = self.port.connection.parameters
        self.port.drops = lambda _: True
        self.port.datagrams.clear()

    @property
    def first_seqno(self) -> int:
        return self.parameters.receive_seqno

    def say(self, kind: int, body: bytes = b"", *, info: int = 0) -> list[bytes]:
        """Send a control packet; return what comes back at once."""
        datagram = control(kind, body, info=info, to=self.parameters.peer_socket_id)
        return [answer for answer, to in self.world.inject(datagram, self.address) if to == self.address]

    def acknowledge(self, packets: int, number: int) -> None:
        """Acknowledge the first ``packets``, and leave the answer to the network."""
        body = words(add_seqno(self.first_seqno, packets), 20_000, 500, 8000, 1, 1, 1)
        datagram = control(ControlType.ACK, body, info=number, to=self.parameters.peer_socket_id)
        self.world.port.handle_datagram(datagram, self.address, self.world.now_us)

    def take(self, kind: int | None) -> list[bytes]:
        """Return what came of one kind since the last call."""
        datagrams = [datagram for _, datagram in self.port.datagrams]
        self.port.datagrams.clear()
        return of_kind(datagrams, kind)


def seqnos(datagrams: list[bytes]) -> list[int]:
    return [int.from_bytes(datagram[:4], "big") for datagram in datagrams]


def is_marked(datagram: bytes) -> bool:
    return bool(int.from_bytes(datagram[4:8], "big") & RETRANSMITTED_FLAG)


def withhold(producer: CallerPort, *numbers: int) -> list[bytes]:
    """Lose the data packets with these numbers, counted from the next; return the list that they are put into."""
    kept: list[bytes] = []
    count = -1

    def drops(datagram: bytes) -> bool:
        nonlocal count
        if kind_of(datagram) is not DATA or is_marked(datagram):
            return kind_of(datagram) is DATA
        count += 1
        if count in numbers:
            kept.append(datagram)
            return True
        return False

    producer.drops = drops
    return kept


def release(world: World, producer: CallerPort, kept: list[bytes]) -> None:
    address = next(a for a, port in world.network._ports.items() if port.endpoint is producer)
    for datagram in kept:
        world.port.handle_datagram(datagram, address, world.now_us)
    world.run(0)
