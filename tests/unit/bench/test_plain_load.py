import socket
import sys
import time

import numpy as np
import pytest

from headrace.base.datagram_batch import I64Array
from headrace.bench.plain_load import PlainLoad
from headrace.bench.stream import StreamShape, make_stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


class Noting:
    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []
        self.sent: list[int] = []

    def note_sent(self, rows: I64Array, indices: I64Array, sent_us: I64Array) -> None:
        assert rows.tolist() == [0] * len(rows)
        assert (sent_us > 0).all()
        self.sent += indices.tolist()

    def note_arrivals(self, rows: I64Array, indices: I64Array, arrivals_us: I64Array) -> None:
        assert (arrivals_us > 0).all()
        self.noted += zip(rows.tolist(), indices.tolist(), strict=True)


def test_what_a_relay_sends_on_is_counted_for_each_subscriber() -> None:
    noting = Noting()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.bind(("127.0.0.1", 0))
        relay.settimeout(5)
        load = PlainLoad(relay.getsockname()[1], make_stream(StreamShape(2, 3)), subscribers=2, observer=noting)
        load.start()
        load.turn()
        load.pause()
        assert load.next_frame_us > time.monotonic_ns()
        datagrams = [relay.recv(2000) for _ in range(3)]
        targets = [(str(load.targets.first_address + number), load.targets.port) for number in range(2)]
        for datagram in datagrams:
            relay.sendto(datagram, targets[1])
        relay.sendto(datagrams[1], targets[0])
        give_up_at = time.monotonic() + 5
        while load.counts().received_packets < 4 and time.monotonic() < give_up_at:
            load.turn()
        counts = load.counts()
        assert (counts.due_packets, counts.received_packets, counts.missing_packets) == (6, 4, 2)
        assert noting.sent == [0, 1, 2]
        assert sorted(noting.noted) == [(0, 1), (1, 0), (1, 1), (1, 2)]
        assert np.frombuffer(datagrams[2][:4], ">u4").tolist() == [2]
        load.close()
