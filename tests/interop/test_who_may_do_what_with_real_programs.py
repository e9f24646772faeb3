"""Keys and tokens with ffmpeg and srt-live-transmit: who belongs gets in, who does not is refused with its code.

libsrt 1.5.1 says of codes from 2000 on only of which kind they are, so the codes are the broker's own.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from bench.srt_peer import SrtPeer
from tests.support.access import KEYS, UNKNOWN_KEY, closed_directory, token
from tests.support.long_runs import only_long
from tests.support.processes import Program, wait_until
from tests.support.programs import find_program

from headrace.access.ask import Verb
from headrace.access.directory import Directory
from headrace.netio.clock import unix_time_us
from headrace.service.broker import Broker, BrokerConfig
from headrace.srt.caller import CallerOptions
from headrace.srt.rejection import ConnectionRejectedError

pytestmark = pytest.mark.interop

LET_GO_SECONDS = 5


class ClosedBroker:
    """A broker in a thread of this process that publishing needs a key at."""

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)))
        self._thread.start()
        assert started.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Broker(BrokerConfig("127.0.0.1", 0)) as self.broker:
            await self.broker.use_directory(closed_directory())
            started.set()
            await self._stop.wait()

    def use(self, directory: Directory) -> None:
        asyncio.run_coroutine_threadsafe(self.broker.use_directory(directory), self._loop).result(30)

    @property
    def refused(self) -> dict[int, int]:
        return dict(self.broker.endpoint.refused_connections)

    @property
    def event_number(self) -> int:
        """The number of the newest event."""
        return max((event.number for event in self.broker.endpoint.events.newest), default=0)

    def events_since(self, number: int) -> list[tuple[str, object]]:
        """Return what has happened after event ``number``, and why."""
        newest = self.broker.endpoint.events.newest
        return [(event.what, event.facts.get("reason")) for event in newest if event.number > number]

    def url(self, stream_id: str) -> str:
        return f"srt://127.0.0.1:{self.broker.port}?streamid={stream_id}"

    def call(self, stream_id: str) -> None:
        """Call with our own client, which says the code of a refusal."""
        with SrtPeer("127.0.0.1", self.broker.port, CallerOptions(stream_id=stream_id)) as peer:
            peer.connect()


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[ClosedBroker]:
    with ClosedBroker() as broker:
        yield broker


@pytest.fixture
def broker(shared_broker: ClosedBroker) -> ClosedBroker:
    shared_broker.use(closed_directory())
    shared_broker.broker.endpoint.refused_connections.clear()
    return shared_broker


def publisher(broker: ClosedBroker, program: str, stream_id: str, folder: Path) -> Program:
    url = broker.url(stream_id)
    if program == "ffmpeg":
        source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10", "-t", "30", "-c:v", "mpeg2video"]
        return Program(
            [find_program("ffmpeg"), "-v", "warning", *source, "-f", "mpegts", url], folder, "publisher"
        )
    command = [find_program("srt-live-transmit"), "-a:no", "-loglevel", "error", "-chunk:1316", "file://con", url]
    return Program(command, folder, "publisher", has_stdin=True)


def subscriber(broker: ClosedBroker, program: str, stream_id: str, folder: Path) -> Program:
    url = broker.url(stream_id)
    if program == "ffmpeg":
        command = [find_program("ffmpeg"), "-v", "warning", "-analyzeduration", "1000000", "-i", url]
        command += ["-c", "copy", "-f", "mpegts", "pipe:1"]
    else:
        command = [find_program("srt-live-transmit"), "-a:no", "-loglevel", "error", url, "file://con"]
    return Program(command, folder, "subscriber")


def now_token(channel_id: str = "private", verb: Verb = Verb.REQUEST, *, seconds: float = 60) -> str:
    return token(channel_id, verb, seconds=seconds, start_us=unix_time_us())


PROGRAMS = pytest.mark.parametrize("program", ["ffmpeg", "srt-live-transmit"])


@PROGRAMS
@pytest.mark.parametrize("form", ["publish:cam1:{}", "{}"])
def test_a_key_gets_a_producer_in_named_or_alone(
    broker: ClosedBroker, program: str, form: str, tmp_path: Path
) -> None:
    hub = broker.broker.endpoint.hub
    with publisher(broker, program, form.format(KEYS["cam1"]), tmp_path) as producing:
        wait_until(lambda: "cam1" in hub.channels, lambda: f"cam1 on the air: {producing.log}")
    assert broker.refused == {}
    wait_until(lambda: not hub.channels, "its end")


@PROGRAMS
@pytest.mark.parametrize(
    ("stream_id", "code"),
    [
        ("publish:cam1", 2401),
        (f"publish:cam1:{UNKNOWN_KEY}", 2401),
        (UNKNOWN_KEY, 2401),
        (f"publish:cam2:{KEYS['cam1']}", 2403),
    ],
    ids=["no-key", "wrong-key", "wrong-key-alone", "key-of-another-channel"],
)
def test_a_producer_that_does_not_belong_is_refused_with_its_code(
    broker: ClosedBroker, program: str, stream_id: str, code: int, tmp_path: Path
) -> None:
    with publisher(broker, program, stream_id, tmp_path):
        wait_until(lambda: code in broker.refused, f"refusal with {code}")
    assert set(broker.refused) == {code}
    with pytest.raises(ConnectionRejectedError) as error:
        broker.call(stream_id)
    assert error.value.code == code


@PROGRAMS
@pytest.mark.parametrize(
    ("credential", "code"),
    [
        (lambda: None, 2401),
        (lambda: KEYS["private"], 2401),
        (lambda: now_token()[:-4] + "AAAA", 2401),
        (lambda: now_token(seconds=-1), 2401),
        (lambda: now_token("cam1"), 2403),
        (lambda: now_token(verb=Verb.PUBLISH), 2403),
    ],
    ids=["no-token", "stream-key", "forged-token", "expired-token", "other-channel", "other-verb"],
)
def test_a_subscriber_that_does_not_belong_is_refused_with_its_code(
    broker: ClosedBroker, program: str, credential: object, code: int, tmp_path: Path
) -> None:
    assert callable(credential)
    stream_id = f"request:private:{credential()}" if credential() else "request:private"
    with subscriber(broker, program, stream_id, tmp_path):
        wait_until(lambda: code in broker.refused, f"refusal with {code}")
    assert set(broker.refused) == {code}
    with pytest.raises(ConnectionRejectedError) as error:
        broker.call(stream_id)
    assert error.value.code == code


@pytest.mark.parametrize("program", ["srt-live-transmit", only_long("ffmpeg")])
def test_a_token_that_expires_while_somebody_watches_ends_that_within_five_seconds(
    broker: ClosedBroker, program: str, tmp_path: Path
) -> None:
    lifetime_seconds = 8
    before = broker.event_number
    with publisher(broker, "ffmpeg", KEYS["private"], tmp_path) as producing:
        hub = broker.broker.endpoint.hub
        wait_until(lambda: "private" in hub.channels, lambda: f"private on the air: {producing.log}")
        started = time.monotonic()
        stream_id = f"request:private:{now_token(seconds=lifetime_seconds)}"
        with subscriber(broker, program, stream_id, tmp_path) as watching:
            wait_until(lambda: watching.output_bytes > 10_000, lambda: f"video: {watching.log}")
            wait_until(lambda: ("subscriber gone", "token_expired") in broker.events_since(before), "its end")
            # The token names whole seconds.
            assert lifetime_seconds - 1 <= time.monotonic() - started <= lifetime_seconds + LET_GO_SECONDS
            wait_until(lambda: watching.process.poll() is not None, "the end of the program")
        with pytest.raises(ConnectionRejectedError) as error:
            broker.call(stream_id)
        assert error.value.code == 2401


@PROGRAMS
def test_a_producer_whose_key_is_revoked_is_let_go_within_five_seconds(
    broker: ClosedBroker, program: str, tmp_path: Path
) -> None:
    before = broker.event_number
    with publisher(broker, program, KEYS["cam2"], tmp_path) as producing:
        wait_until(
            lambda: "cam2" in broker.broker.endpoint.hub.channels, lambda: f"cam2 on the air: {producing.log}"
        )
        broker.use(closed_directory(keys=("cam1",)))
        gone = "producer gone", "key_revoked"
        assert wait_until(lambda: gone in broker.events_since(before), "its end") < LET_GO_SECONDS
        if program == "ffmpeg":
            assert producing.wait() != 0
    with pytest.raises(ConnectionRejectedError) as error:
        broker.call(KEYS["cam2"])
    assert error.value.code == 2401
