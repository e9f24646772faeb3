"""What the broker says is SRT to Wireshark too."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.long_runs import only_long
from tests.support.processes import BrokerProgram, Program, wait_until
from tests.support.programs import fail_or_skip, find_program
from tests.support.srt_programs import PACKET_BYTES, FileSubscriber, PacedPublisher

pytestmark = pytest.mark.interop

LOOPBACK = "lo"
QUIET_SECONDS = 1.0
"""It is read every quarter of a second."""


def wait_until_quiet(capture: Path) -> None:
    """Wait until a capture has not grown for a second: it gets what the kernel has gathered by and by."""
    size_bytes, grown = -1, 0.0

    def is_quiet() -> bool:
        nonlocal size_bytes, grown
        if capture.stat().st_size != size_bytes:
            size_bytes, grown = capture.stat().st_size, time.monotonic()
        return time.monotonic() - grown > QUIET_SECONDS

    wait_until(is_quiet, "the end of what is captured")


@contextmanager
def captured(host: str, port: int, folder: Path) -> Iterator[Path]:
    """Capture what goes to and from a UDP port of one address of the loopback interface into a file.

    The same port of the other family may be anybody's.
    """
    path = folder / "capture.pcapng"
    command = [find_program("tshark"), "-i", LOOPBACK, "-f", f"udp port {port} and host {host}", "-w", str(path)]
    with Program(command, folder, "tshark") as tshark:
        wait_until(lambda: "Capture started" in tshark.log or tshark.process.poll() is not None, "a capture")
        if tshark.process.poll() is not None:
            fail_or_skip(f"tshark may not capture: {tshark.log}")
        yield path
        wait_until_quiet(path)
        tshark.stop(signal.SIGINT)


def dissected(capture: Path, port: int, display_filter: str) -> list[str]:
    """Return one line for each packet of ``capture`` that the filter lets through."""
    command = [find_program("tshark"), "-r", str(capture), "-d", f"udp.port=={port},srt", "-Y", display_filter]
    with Program(command, capture.parent, "dissect") as tshark:
        assert tshark.wait(60) == 0, tshark.log
        return tshark.output.read_text().splitlines()


# With UDP_SEGMENT the capture shows a burst before it is cut into datagrams.
@pytest.mark.parametrize("host", ["127.0.0.1", only_long("::1")])
def test_tshark_finds_nothing_malformed_in_a_conversation(host: str, tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path, host=host, netio="sendmmsg") as broker,
        captured(host, broker.port, tmp_path) as capture,
    ):
        with FileSubscriber(broker, tmp_path, "subscriber"):
            broker.wait_for("subscriber connected")
            with PacedPublisher(broker, tmp_path) as publisher:
                broker.wait_for("producer connected")
                with PacedPublisher(broker, tmp_path, name="rival"):
                    broker.wait_for("code=2409")
                wait_until(lambda: len(publisher.sent) > 300 * PACKET_BYTES, "packets")
        broker.wait_for("producer gone")
    everything = dissected(capture, broker.port, "udp")
    assert len(everything) > 500
    assert len(dissected(capture, broker.port, "srt")) == len(everything)
    assert dissected(capture, broker.port, "_ws.malformed || _ws.expert.severity == error") == []
    for kind in "UMSG_HANDSHAKE", "UMSG_ACK ", "UMSG_ACKACK", "UMSG_SHUTDOWN", "DATA":
        assert any(kind in line for line in everything), f"no {kind} in the capture"
