"""Our producer and client with listeners that we did not write and that are no brokers."""

import json
import socket
import sys
from pathlib import Path

import pytest
from tests.support.ports import free_udp_port
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program
from tests.support.recordings import without_last_units
from tests.support.srt_programs import decoded_frames

pytestmark = pytest.mark.interop

HEADRACE = str(Path(sys.executable).with_name("headrace"))
HOST = "127.0.0.1"


def decodes_without_a_word(recording: Path, folder: Path) -> str:
    """Return what ffmpeg complains about when it decodes everything in ``recording``."""
    command = [find_program("ffmpeg"), "-v", "error", "-i", str(recording), "-f", "null", "-"]
    with Program(command, folder, "decode_all") as ffmpeg:
        assert ffmpeg.wait() == 0
        return ffmpeg.log


def test_what_headrace_produces_arrives_whole_at_srt_live_transmit(tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    listen = f"srt://{HOST}:{port}?mode=listener&latency=2000"
    receive = [find_program("srt-live-transmit"), "-q", "-a:no", "-chunk:1456", listen, "file://con"]
    with Program(receive, tmp_path, "listener") as listener:
        produce = [
            HEADRACE,
            "produce",
            "X",
            "--broker",
            f"{HOST}:{port}",
            "--input",
            "lavfi:testsrc2=d=5:s=320x180",
        ]
        with Program(produce, tmp_path, "producer") as producer:
            assert producer.wait() == 0, producer.log
        listener.stop()
        # What is on its way when the producer says goodbye, libsrt throws away: on a busy machine some seconds.
        (whole := tmp_path / "whole.ts").write_bytes(without_last_units(listener.output.read_bytes()))
        assert decodes_without_a_word(whole, tmp_path) == ""
        # lavfi's testsrc2 has 25 frames a second.
        assert decoded_frames(whole, seconds=2) == 50


def test_a_client_records_what_ffmpeg_offers_as_a_listener(tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    offer = [find_program("ffmpeg"), "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"]
    offer += [
        "-f",
        "lavfi",
        "-i",
        "sine",
        "-t",
        "60",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-tune",
        "zerolatency",
    ]
    offer += ["-g", "25", "-c:a", "aac", "-f", "mpegts", f"srt://{HOST}:{port}?mode=listener"]
    record = [HEADRACE, "client", "--broker", f"{HOST}:{port}", "--subscribe", "any"]
    record += ["--seconds", "4", "--json", "--record", str(tmp_path / "recordings")]
    with Program(offer, tmp_path, "ffmpeg"), Program(record, tmp_path, "client") as client:
        assert client.wait() == 0, client.log
    figures = json.loads(client.output.read_text())
    assert figures["frames_decoded"] >= 25
    assert figures["packets_lost"] == figures["packets_dropped"] == figures["decode_errors"] == 0
    (recording,) = (tmp_path / "recordings").glob("any-*.ts")
    assert recording.stat().st_size == figures["bytes"]
    # The client leaves in the middle of a frame, which is left out here.
    whole = recording.with_suffix(".whole.ts")
    trim = [find_program("ffmpeg"), "-v", "error", "-i", str(recording), "-t", "2", "-c", "copy", str(whole)]
    with Program(trim, tmp_path, "trim") as ffmpeg:
        assert ffmpeg.wait() == 0
    assert decodes_without_a_word(whole, tmp_path) == ""
    assert decoded_frames(whole) >= 25


def test_a_producer_waits_for_a_listener_that_starts_a_little_later(tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    produce = [HEADRACE, "produce", "X", "--broker", f"{HOST}:{port}", "--test", "--size", "320x180"]
    receive = [
        find_program("srt-live-transmit"),
        "-q",
        "-a:no",
        f"srt://{HOST}:{port}?mode=listener",
        "file://con",
    ]
    with Program(produce, tmp_path, "producer") as producer:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind((HOST, port))
            nobody.settimeout(20)
            assert nobody.recv(1500)[:2] == b"\x80\x00", "a handshake is what it begins with"
            assert producer.process.poll() is None
        with Program(receive, tmp_path, "listener") as listener:
            wait_until(lambda: listener.output_bytes > 100_000, "payload")
