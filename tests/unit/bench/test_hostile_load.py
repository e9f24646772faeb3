"""The attacker of a flood, against a broker on a real socket, in small."""

import socket
import sys
import time
from contextlib import closing

import pytest
from tests.support.ports import free_udp_port

from headrace.bench import hostile_load
from headrace.bench.hostile_load import ANSWERED_PEERS, HostileLoad
from headrace.bench.load import run_loads
from headrace.bench.loopback_port import LoadError
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import stage
from headrace.bench.stream import StreamShape, make_stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


def test_it_collects_cookies_and_sends_what_is_due_while_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_load, "POOL_DATAGRAMS", 300)
    port = free_udp_port()
    with (
        stage() as on,
        on.broker(port),
        closing(SrtLoad(port, make_stream(StreamShape(1, 2)), subscribers=[1])) as load,
        closing(HostileLoad(port, 2_000, producer_ids=[1 << 30], subscriber_ids=[1])) as flood,
    ):
        assert len(flood._collect_cookies([load])) == ANSWERED_PEERS
        flood.start()
        started = time.monotonic()
        while not flood.sent_datagrams or (not flood.answered_bytes and time.monotonic() - started < 20):
            run_loads([load, flood], 0.1)
        most = 2_000 * (time.monotonic() - started)
        assert 0 < flood.sent_datagrams <= most
        assert flood.sent_bytes > flood.sent_datagrams
        flood.pause()
        sent = flood.sent_datagrams
        run_loads([load, flood], 0.1)
        assert flood.sent_datagrams == sent
        assert 0 < flood.answered_bytes <= flood.sent_bytes
        assert flood.counts().due_packets == 0


def test_it_says_so_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_load, "COOKIE_SECONDS", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        with pytest.raises(LoadError, match="0 of"):
            HostileLoad(udp.getsockname()[1], 1_000, producer_ids=[1 << 30], subscriber_ids=[1])
