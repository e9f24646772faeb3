import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from headrace.bench.load import run_loads
from headrace.bench.loopback_port import LoadError
from headrace.bench.rtp_frames import RtpFrames, make_rtp_frames
from headrace.bench.sealed_load import SealedLoad
from headrace.bench.sealing_loop import SealedViewer
from headrace.bench.stream import StreamShape, make_stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")

VIEWERS = 2


@pytest.fixture(scope="module")
def frames() -> RtpFrames:
    return make_rtp_frames(make_stream(StreamShape(2, 3)))


@pytest.fixture
def loop() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.bind(("127.0.0.1", 0))
        yield udp


def send_on(loop: socket.socket, load: SealedLoad, viewers: list[SealedViewer], packets: int) -> None:
    for _ in range(packets):
        packet = loop.recv(2000)
        for viewer in viewers:
            sealed = viewer.seal(packet[1], packet[4:12], int.from_bytes(packet[8:12], "big"), packet[12:])
            loop.sendto(sealed, viewer.address)
    give_up_at = time.monotonic() + 5
    while load.counts().received_packets < packets * len(viewers) and time.monotonic() < give_up_at:
        load.turn()


def test_what_the_loop_sends_on_is_counted_for_each_viewer_and_opened(
    loop: socket.socket, frames: RtpFrames
) -> None:
    with closing(SealedLoad(loop.getsockname()[1], frames, viewers=VIEWERS)) as load:
        hosts = [str(load.targets.first_address + number) for number in range(VIEWERS)]
        viewers = [SealedViewer(number, (host, load.targets.port)) for number, host in enumerate(hosts)]
        load.start()
        while load.counts().due_packets < 70 * VIEWERS:
            run_loads([load], 0.001)
        load.pause()
        assert load.next_frame_us > time.monotonic_ns()
        due = load.counts().due_packets
        send_on(loop, load, viewers, due // VIEWERS - 1)
        counts = load.counts()
        assert (counts.due_packets, counts.missing_packets, counts.duplicate_packets) == (due, VIEWERS, 0)
        assert load.received.opened_packets > VIEWERS
        loop.setblocking(False)
        loop.recv(2000)
        with pytest.raises(BlockingIOError):
            loop.recv(2000)


def test_a_loop_that_seals_with_other_keys_is_found_out(loop: socket.socket, frames: RtpFrames) -> None:
    with closing(SealedLoad(loop.getsockname()[1], frames, viewers=VIEWERS)) as load:
        stranger = SealedViewer(9, (str(load.targets.first_address), load.targets.port))
        load.start()
        run_loads([load], 0.01)
        load.pause()
        with pytest.raises(LoadError, match="keys"):
            send_on(loop, load, [stranger], 1)
