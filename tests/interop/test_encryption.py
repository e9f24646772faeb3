"""Encrypted streams between our sockets and real programs: every key length, both roles, key refresh, refusals."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from tests.support.long_runs import only_long
from tests.support.loops import until
from tests.support.ports import free_udp_port
from tests.support.processes import WAIT_SECONDS, Program
from tests.support.programs import find_program
from tests.support.srt_programs import KEYS_CHANGE, PACKET_BYTES, decoded_frames

from headrace.client.srt_connect import srt_connect
from headrace.client.srt_listen import SrtServer, srt_listen
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.key_exchange import KeyRefresh
from headrace.srt.rejection import ConnectionRejectedError

pytestmark = pytest.mark.interop

HEADRACE = str(Path(sys.executable).with_name("headrace"))
HOST = "127.0.0.1"
PASSPHRASE = "correct horse battery"
PACKETS = 400
INTERVAL_SECONDS = 0.005
REFRESH = KeyRefresh(period_packets=120, announce_packets=50)
"""Three new keys in 400 packets, one every 0.6 s."""

PAYLOADS = [number.to_bytes(4, "big") * (PACKET_BYTES // 4) for number in range(PACKETS)]

CONSOLE = "file://con"
CONNECTED = "SRT target connect"
"""It goes on with "ed" where a program has called, with "ion" where it was called."""


def live_transmit(source: str, target: str) -> list[str]:
    """Return a command that writes what it gets at once, and says when it may be fed."""
    command = [find_program("stdbuf"), "-o0", find_program("srt-live-transmit")]
    quiet = [] if source == CONSOLE else ["-q"]
    return [*command, *quiet, "-a:no", "-loglevel", "fatal", "-chunk:1316", source, target]


def url(port: int, *, mode: str, key_length_bytes: int = 16, passphrase: str = PASSPHRASE, more: str = "") -> str:
    return f"srt://{HOST}:{port}?mode={mode}&passphrase={passphrase}&pbkeylen={key_length_bytes}&latency=200{more}"


def lengths(*, usual: int) -> list[int | ParameterSet]:
    """Return the lengths of keys, of which all but the usual one are for the long runs."""
    return [length if length == usual else only_long(length) for length in (16, 24, 32)]


async def connect(port: int, key_length_bytes: int = 16, passphrase: str | None = PASSPHRASE) -> SrtSocket:
    """Connect as soon as somebody listens."""
    for _ in range(10):
        try:
            return await srt_connect(
                HOST,
                port,
                latency_ms=200,
                connect_timeout_seconds=2,
                passphrase=passphrase,
                key_length_bytes=key_length_bytes,
                key_refresh=REFRESH,
            )
        except ConnectTimeoutError:
            continue
    raise AssertionError("nobody listened")


async def listen(passphrase: str | None = PASSPHRASE) -> SrtServer:
    return await srt_listen(HOST, latency_ms=200, passphrase=passphrase, key_refresh=REFRESH)


async def send_all(opened: SrtSocket, receiver: Program) -> None:
    """Send, and wait until all is written: libsrt throws away what waits for delivery when it hears of the end."""
    for payload in PAYLOADS:
        await opened.send(payload)
        await asyncio.sleep(INTERVAL_SECONDS)
    await opened.drain()
    await until(lambda: receiver.output_bytes >= PACKETS * PACKET_BYTES, seconds=WAIT_SECONDS)
    assert keys_changed(opened, received=False)
    assert not opened.statistics.ignored_packets
    await opened.close()


async def feed(program: Program) -> None:
    # What srt-live-transmit reads before it is connected, it throws away.
    await until(lambda: CONNECTED in program.log, seconds=WAIT_SECONDS)
    for payload in PAYLOADS:
        program.write(payload)
        await asyncio.sleep(INTERVAL_SECONDS)


async def receive_all(opened: SrtSocket, packets: int) -> list[bytes]:
    async with asyncio.timeout(30):
        return [await opened.receive() for _ in range(packets)]


def keys_changed(opened: SrtSocket, *, received: bool) -> bool:
    """Return whether the keys of that direction are other ones than at the beginning."""
    agreed, opening, sealing = (
        opened.connection.parameters.keys,
        opened.connection.opening,
        opened.connection.sealing,
    )
    assert agreed is not None
    assert opening is not None
    assert sealing is not None
    return opening.keys.odd is not None if received else sealing.key != agreed.even


@pytest.mark.parametrize("key_length_bytes", lengths(usual=16))
def test_what_we_send_as_a_caller_arrives_byte_for_byte(key_length_bytes: int, tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    command = live_transmit(url(port, mode="listener", key_length_bytes=16), CONSOLE)

    async def main(listener: Program) -> None:
        await send_all(await connect(port, key_length_bytes), listener)

    with Program(command, tmp_path, "listener") as listener:
        asyncio.run(main(listener))
    assert listener.output.read_bytes() == b"".join(PAYLOADS)


@pytest.mark.parametrize("key_length_bytes", lengths(usual=24))
def test_what_we_send_as_a_listener_arrives_byte_for_byte(key_length_bytes: int, tmp_path: Path) -> None:
    async def main() -> Program:
        async with await listen() as server:
            command = live_transmit(url(server.port, mode="caller", key_length_bytes=key_length_bytes), CONSOLE)
            with Program(command, tmp_path, "caller") as caller:
                opened = await server.accept()
                assert opened.key_length_bytes == key_length_bytes
                await send_all(opened, caller)
                return caller

    assert asyncio.run(main()).output.read_bytes() == b"".join(PAYLOADS)


@pytest.mark.parametrize("key_length_bytes", lengths(usual=32))
def test_what_a_caller_sends_with_changing_keys_comes_byte_for_byte(key_length_bytes: int, tmp_path: Path) -> None:
    async def main() -> None:
        async with await listen() as server:
            theirs = url(server.port, mode="caller", key_length_bytes=key_length_bytes, more=KEYS_CHANGE)
            with Program(live_transmit(CONSOLE, theirs), tmp_path, "caller", has_stdin=True) as caller:
                opened = await server.accept()
                assert opened.key_length_bytes == key_length_bytes
                _, received = await asyncio.gather(feed(caller), receive_all(opened, PACKETS - 10))
                assert received == PAYLOADS[: PACKETS - 10]
                assert keys_changed(opened, received=True)
                assert not opened.statistics.ignored_packets

    asyncio.run(main())


def test_what_a_listener_sends_with_changing_keys_comes_byte_for_byte(tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    theirs = url(port, mode="listener", more=KEYS_CHANGE)

    async def main(listener: Program) -> None:
        opened = await connect(port, 32)
        _, received = await asyncio.gather(feed(listener), receive_all(opened, PACKETS - 10))
        assert received == PAYLOADS[: PACKETS - 10]
        assert keys_changed(opened, received=True)
        await opened.close(linger_seconds=0)

    with Program(live_transmit(CONSOLE, theirs), tmp_path, "listener", has_stdin=True) as listener:
        asyncio.run(main(listener))


@pytest.mark.parametrize(
    ("theirs", "ours", "code"),
    [
        (PASSPHRASE, "another passphrase", 1010),
        (PASSPHRASE, None, 1011),
        ("", PASSPHRASE, 1011),
    ],
)
def test_a_real_listener_s_refusal_is_told_with_its_code(
    theirs: str, ours: str | None, code: int, tmp_path: Path
) -> None:
    port = free_udp_port(HOST)
    command = live_transmit(url(port, mode="listener", passphrase=theirs), CONSOLE)
    with Program(command, tmp_path, "listener"), pytest.raises(ConnectionRejectedError) as caught:
        asyncio.run(connect(port, passphrase=ours))
    assert caught.value.code == code


def ffmpeg_sender(target: str, options: Sequence[str]) -> list[str]:
    source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-c:v", "mpeg2video", "-t", "60"]
    return [find_program("ffmpeg"), "-v", "error", *source, "-f", "mpegts", *options, target]


@pytest.mark.parametrize("program", ["ffmpeg", "srt-live-transmit"])
@pytest.mark.parametrize(
    ("theirs", "words"), [("another passphrase", "Incorrect passphrase"), ("", "Password required")]
)
def test_we_refuse_a_real_caller_with_another_passphrase_and_without(
    program: str, theirs: str, words: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with await listen() as server:
            secret = f"&passphrase={theirs}" if theirs else ""
            target = f"srt://{HOST}:{server.port}?mode=caller{secret}"
            command = (
                ffmpeg_sender(target, [])
                if program == "ffmpeg"
                else [find_program("srt-live-transmit"), "-a:no", "-loglevel", "note", target, CONSOLE]
            )
            with Program(command, tmp_path, program) as caller:
                await asyncio.to_thread(caller.wait_for, words)
            assert not server._open

    asyncio.run(main())


@pytest.mark.parametrize("key_length_bytes", lengths(usual=16))
def test_ffmpeg_sends_to_us_byte_for_byte_while_its_keys_change(key_length_bytes: int, tmp_path: Path) -> None:
    sent = tmp_path / "sent.ts"

    async def main() -> bytes:
        async with await listen() as server:
            target = (
                f"[f=mpegts]{sent}|[f=mpegts]srt\\://{HOST}\\:{server.port}"
                f"?passphrase={PASSPHRASE}&pbkeylen={key_length_bytes}&pkt_size=1316"
                # A busy machine keeps programs waiting for longer than ffmpeg's usual latency.
                f"{KEYS_CHANGE}&latency=2000000"
            )
            source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-c:v", "mpeg2video"]
            source += ["-b:v", "2M", "-minrate", "2M", "-maxrate", "2M", "-bufsize", "1M", "-t", "5"]
            tee = [find_program("ffmpeg"), "-v", "error", *source, "-map", "0", "-f", "tee", target]
            with Program(tee, tmp_path, "sender") as sender:
                opened = await server.accept()
                assert opened.key_length_bytes == key_length_bytes
                received = bytearray()
                with suppress(ConnectionEndedError):
                    async with asyncio.timeout(30):
                        while True:
                            received += await opened.receive()
                told = (
                    f"{len(received)} bytes, {opened.statistics}, ffmpeg ({sender.process.poll()}): {sender.log}"
                )
                assert opened.close_reason == "peer_shutdown", told
                assert keys_changed(opened, received=True), told
                return bytes(received)

    received = asyncio.run(main())
    whole = sent.read_bytes()
    assert len(received) > 0.9 * len(whole)
    assert whole.startswith(received)


@pytest.mark.parametrize("key_length_bytes", lengths(usual=32))
def test_ffmpeg_receives_from_us_byte_for_byte_while_keys_change(key_length_bytes: int, tmp_path: Path) -> None:
    async def main() -> Program:
        async with await listen() as server:
            copy = [find_program("ffmpeg"), "-v", "error", "-f", "data", "-i"]
            copy += [url(server.port, mode="caller", key_length_bytes=key_length_bytes)]
            copy += ["-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data", "-"]
            with Program(copy, tmp_path, "receiver") as receiver:
                await send_all(await server.accept(), receiver)
                return receiver

    assert asyncio.run(main()).output.read_bytes() == b"".join(PAYLOADS)


def test_headrace_produce_encrypts_with_the_passphrase_of_its_environment(tmp_path: Path) -> None:
    port = free_udp_port(HOST)
    produce = [HEADRACE, "produce", "X", "--broker", f"{HOST}:{port}", "--input", "lavfi:testsrc2=d=3:s=320x180"]
    secret = {"PASSPHRASE": PASSPHRASE, "KEY_LENGTH": "32", "LATENCY": "2000"}
    with Program(live_transmit(url(port, mode="listener"), CONSOLE), tmp_path, "listener") as listener:
        with Program(produce, tmp_path, "producer", environment=secret) as producer:
            assert producer.wait() == 0, producer.log
        listener.stop()
        # Of 75: that nothing is missing is held by other tests, whose programs may come late to the last of it.
        assert decoded_frames(listener.output) >= 25


def test_headrace_client_says_what_is_wrong_with_a_passphrase(tmp_path: Path) -> None:
    (file := tmp_path / "secret").write_text("another passphrase\n")
    port = free_udp_port(HOST)
    client = [HEADRACE, "client", "--broker", f"{HOST}:{port}", "-s", "X", "--seconds", "5"]
    with Program(live_transmit(url(port, mode="listener"), CONSOLE), tmp_path, "listener"):
        for options, words in (
            (["--passphrase-file", str(file)], "refused (1010): the passphrase is wrong"),
            ([], "refused (1011): the listener wants a passphrase"),
        ):
            with Program([*client, *options], tmp_path, "client") as program:
                assert program.wait() == 1
                assert words in program.log
