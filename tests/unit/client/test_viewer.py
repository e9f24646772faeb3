"""What a viewer makes of real video, drawn and encoded at once."""

import itertools
import threading
from collections import Counter

import pytest
from tests.support.streams import drawn_video
from tests.support.transport import tables

from headrace.client import viewer as module
from headrace.client.viewer import MAX_LATENCY_MS, Viewer, percentile
from headrace.media.announcer import STAMP_INTERVAL_US
from headrace.media.decoder import DecoderEvent, StreamDecoder
from headrace.mpegts.metadata import Metadata
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.timed_id3 import timed_id3_stream

PICTURES = 30
FIRST_CAPTURE_UNIX_US = 1_700_000_000_000_000
"""Where the fake clock of `drawn_video` starts."""
PICTURE_INTERVAL_US = 40_000


def viewed(*pieces: bytes) -> Viewer:
    """Return a viewer that has seen all of this and is closed."""
    viewer = Viewer()
    for piece in pieces:
        viewer.write([piece])
    end(viewer)
    return viewer


def end(viewer: Viewer) -> None:
    """Close it, and wait for longer than it does itself until it has decoded all."""
    viewer.close()
    viewer._thread.join(30)
    assert not viewer._thread.is_alive()


def test_a_viewer_that_has_seen_nothing_says_so() -> None:
    figures = viewed().figures
    assert (figures.video_frames, figures.audio_frames, figures.decode_errors) == (0, 0, 0)
    assert figures.first_frame_ms is figures.latency_p50_ms is figures.latency_p99_ms is None
    assert figures.title is None
    assert figures.data is None
    assert figures.facts == {}


def test_every_frame_is_counted() -> None:
    figures = viewed(*drawn_video(PICTURES)).figures
    assert figures.video_frames == PICTURES
    assert figures.decode_errors == 0
    assert figures.first_frame_ms is not None
    assert 0 < figures.first_frame_ms < 60_000


def test_payloads_of_one_write_belong_together() -> None:
    ts = b"".join(drawn_video(5))
    viewer = Viewer()
    viewer.write([ts[at : at + 188] for at in range(0, len(ts), 188)])
    end(viewer)
    assert viewer.figures.video_frames == 5


def test_who_joins_between_keyframes_has_no_decode_errors_from_before() -> None:
    figures = viewed(*drawn_video(60)[10:]).figures
    assert figures.video_frames == 10
    assert figures.decode_errors == 0


def test_what_cannot_be_decoded_is_counted() -> None:
    tag = split_into_packets(0x150, 15, encode_pes(0xBD, b"rubbish", 0))[0]
    assert viewed(tables(streams=(timed_id3_stream(0x150),)), tag).figures.decode_errors == 1


def test_title_facts_and_data_are_the_newest_ones() -> None:
    muxer = Muxer([StreamType.H264])
    tags = [
        Metadata(title="Bridge", facts={"place": "north"}),
        Metadata(data={"speed": 3}),
        Metadata(title="Harbour", facts={"place": "south"}),
        Metadata(capture_unix_us=5),
        Metadata(data={"speed": 4}),
    ]
    figures = viewed(muxer.write(0, b"", 90_000, metadata=tags)).figures
    assert (figures.title, figures.facts, figures.data) == ("Harbour", {"place": "south"}, {"speed": 4})


def stamped_pictures() -> list[int]:
    """Return the numbers of the pictures that carry their capture time."""
    return list(range(0, PICTURES, STAMP_INTERVAL_US // PICTURE_INTERVAL_US))


def set_clock(monkeypatch: pytest.MonkeyPatch, start_unix_us: int, decoded_unix_us: int) -> None:
    """Let a viewer begin at one time, and decode everything at another."""
    times_us = itertools.chain([start_unix_us], itertools.repeat(decoded_unix_us))
    monkeypatch.setattr(module, "unix_time_us", lambda: next(times_us))


def test_the_latency_of_what_was_captured_before_the_viewer_began_is_not_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start_unix_us = FIRST_CAPTURE_UNIX_US + 10 * PICTURE_INTERVAL_US
    set_clock(monkeypatch, start_unix_us, FIRST_CAPTURE_UNIX_US + 10_000_000)
    viewer = viewed(*drawn_video(PICTURES))
    assert viewer.figures.video_frames == PICTURES
    assert viewer._latencies_ms == Counter(10_000 - number * 40 for number in stamped_pictures() if number >= 10)


def test_latency_is_exactly_from_capture_to_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, FIRST_CAPTURE_UNIX_US, FIRST_CAPTURE_UNIX_US + 10_000_000)
    viewer = viewed(*drawn_video(PICTURES))
    latencies_ms = [10_000 - number * 40 for number in stamped_pictures()]
    assert viewer._latencies_ms == Counter(latencies_ms)
    assert viewer.figures.latency_p50_ms == sorted(latencies_ms)[len(latencies_ms) // 2 - 1]
    assert viewer.figures.latency_p99_ms == 10_000


@pytest.mark.parametrize(
    ("clock_ahead_us", "latency_ms"), [(-60_000_000, 0), (MAX_LATENCY_MS * 1000 + 5_000_000, MAX_LATENCY_MS)]
)
def test_clocks_that_disagree_give_the_ends_of_the_scale(
    monkeypatch: pytest.MonkeyPatch, clock_ahead_us: int, latency_ms: int
) -> None:
    set_clock(monkeypatch, FIRST_CAPTURE_UNIX_US, FIRST_CAPTURE_UNIX_US + clock_ahead_us)
    figures = viewed(*drawn_video(PICTURES)).figures
    assert (figures.latency_p50_ms, figures.latency_p99_ms) == (latency_ms, latency_ms)


def test_a_stamp_whose_picture_never_comes_is_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_STAMPS", 4)
    muxer = Muxer([StreamType.H264])
    stamp = Metadata(capture_unix_us=1)
    viewer = viewed(*(muxer.write(0, b"", seconds * 90_000, metadata=[stamp]) for seconds in range(1, 8)))
    assert list(viewer._stamps) == [4 * 90_000, 5 * 90_000, 6 * 90_000, 7 * 90_000]


class GatedDecoder(StreamDecoder):
    """Waits before each piece until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def feed(self, ts: bytes) -> list[DecoderEvent]:
        self.entered.set()
        self.gate.wait(20)
        return super().feed(ts)


def test_a_viewer_that_falls_behind_leaves_out_the_newest_and_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_WRITES", 2)
    monkeypatch.setattr(module, "StreamDecoder", GatedDecoder)
    viewer = Viewer()
    decoder = viewer._decoder
    assert isinstance(decoder, GatedDecoder)
    first, *others = drawn_video(5)
    viewer.write([first])
    assert decoder.entered.wait(5)
    for piece in others:
        viewer.write([piece])
    assert viewer.figures.decode_errors == 2
    viewer.close()
    decoder.gate.set()
    viewer._thread.join(5)
    assert not viewer._thread.is_alive()
    assert viewer.figures.video_frames == 2


def test_closing_twice_does_nothing() -> None:
    viewer = viewed(*drawn_video(2))
    viewer.close()
    assert viewer.figures.video_frames == 2


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        ([], 50, None),
        ([7], 0, 7),
        ([7], 50, 7),
        ([7], 100, 7),
        ([1, 2], 50, 1),
        ([1, 2], 51, 2),
        ([1, 2, 3], 50, 2),
        ([3, 1, 1, 1], 50, 1),
        (range(1, 101), 99, 99),
        (range(1, 101), 100, 100),
        ([0] * 99 + [60_000], 99, 0),
    ],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[int], percent: int, wanted: int | None
) -> None:
    assert percentile(Counter(values), percent) == wanted
