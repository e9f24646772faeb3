"""The load against a whole broker on a real socket, in small."""

import socket
import sys
import threading
from contextlib import closing

import pytest
from tests.support.listener_host import ListenerHost
from tests.support.ports import free_udp_port

from headrace.bench.emulated_link import Way
from headrace.bench.load import run_loads
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import stage
from headrace.bench.stream import StreamShape, make_stream
from headrace.srt.rejection import ConnectionRejectedError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


@pytest.mark.parametrize("way", [None, Way(delay_us=5_000, loss=0.05)])
def test_every_subscriber_of_every_channel_gets_every_packet(way: Way | None) -> None:
    port = free_udp_port()
    with (
        stage() as on,
        # Each tenth time a report or its answer is lost; before a round trip is known, the next comes 0.3 s later.
        on.broker(port, "--latency", "5000"),
        closing(SrtLoad(port, make_stream(StreamShape(4, 9)), subscribers=[3, 0, 1], way=way)) as load,
    ):
        load.start()
        while load.counts().due_packets < 400:
            run_loads([load], 0.01)
        load.pause()
        for _ in range(1000):
            run_loads([load], 0.01)
            if not load.counts().missing_packets and not load.subscribers.arrivals.missing_packets.any():
                break
        counts = load.counts()
        sent = load.producers.next_index
        assert load.subscribers.arrivals.received_packets.tolist() == [*sent[[0, 0, 0]], sent[2]]
        assert counts.missing_packets == counts.shutdowns == 0
        assert bool(counts.recovered_packets) == (way is not None)
        # On a good way too the last one goes again where its acknowledgement is slow to come.
        assert load.producers.resent_packets or way is None


def test_a_refusal_is_raised_and_nothing_stays_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=refuse, args=(udp, 2))
        thread.start()
        with pytest.raises(ConnectionRejectedError):
            SrtLoad(udp.getsockname()[1], make_stream(StreamShape(1, 3)), subscribers=[0])
        thread.join(5)


def refuse(udp: socket.socket, times: int) -> None:
    host = ListenerHost(refuses=True)
    for _ in range(times):
        datagram, address = udp.recvfrom(2000)
        udp.sendto(host.answer(datagram), address)
