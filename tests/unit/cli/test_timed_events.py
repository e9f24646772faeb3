import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from tests.support.processes import wait_until

from headrace.cli.timed_events import TimedEvents, TimedEventsError
from headrace.media.live_stream import LiveStream, StreamCounters
from headrace.mpegts.metadata import JsonValue


@dataclass
class FakeStream:
    """A stream that stands at ``media_time_us`` and remembers when it was given what.

    Attributes:
        looks: How often its time was asked for.
    """

    media_time_us: int = 0
    looks: int = 0
    sent: list[tuple[int, Mapping[str, JsonValue]]] = field(default_factory=list)

    @property
    def counters(self) -> StreamCounters:
        self.looks += 1
        return StreamCounters(media_time_us=self.media_time_us)

    def send_metadata(self, data: Mapping[str, JsonValue]) -> None:
        if data.get("big"):
            raise ValueError("over the limit")
        self.sent.append((self.media_time_us, data))


def start(path: Path) -> FakeStream:
    stream = FakeStream()
    TimedEvents(path, cast(LiveStream, stream)).start()
    return stream


def test_an_event_goes_at_once_or_at_its_time(tmp_path: Path) -> None:
    path = tmp_path / "events"
    events = [{"n": 1}, {"n": 2, "at": 1.5}, {"n": 3}, {"n": 4, "at": 3}]
    path.write_text("\n".join(map(json.dumps, events)) + "\n\n")
    stream = start(path)
    wait_until(lambda: len(stream.sent) == 1, "the first event")
    stream.media_time_us = 1_499_999
    looks = stream.looks
    wait_until(lambda: stream.looks >= looks + 2, "the thread has done what it would at that time")
    assert len(stream.sent) == 1
    stream.media_time_us = 1_600_000
    wait_until(lambda: len(stream.sent) == 3, "those up to 1.6 s")
    stream.media_time_us = 9_000_000
    wait_until(lambda: len(stream.sent) == 4, "the last event")
    assert stream.sent == [(0, events[0]), (1_600_000, events[1]), (1_600_000, events[2]), (9_000_000, events[3])]


def test_a_line_that_is_no_event_is_left_out_and_the_next_one_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events"
    path.write_bytes(b'not json\n[1]\n{"at": "soon"}\n{"big": true}\n\xff\n{"n": 1}\n')
    stream = start(path)
    wait_until(lambda: len(stream.sent) == 1, "the event")
    assert stream.sent[0][1] == {"n": 1}
    assert capsys.readouterr().out.count("event left out") == 5


def test_a_fifo_takes_one_writer_after_another(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    stream = start(path)
    for number in range(3):
        with path.open("w") as writer:
            writer.write(json.dumps({"n": number}) + "\n")
        wait_until(lambda count=number + 1: len(stream.sent) == count, f"event {number}")  # type: ignore[misc]
    assert [data for _, data in stream.sent] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_writers_of_a_fifo_that_follow_each_other_at_once_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    stream = start(path)
    for number in range(300):
        with path.open("w") as writer:
            writer.write(json.dumps({"n": number}) + "\n")
    wait_until(lambda: len(stream.sent) == 300, "all events")
    assert [data["n"] for _, data in stream.sent] == list(range(300))


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_is_named_at_the_start(name: str, tmp_path: Path) -> None:
    with pytest.raises(TimedEventsError, match="--events wants a file or FIFO of JSON lines"):
        TimedEvents(tmp_path / name, cast(LiveStream, FakeStream()))
