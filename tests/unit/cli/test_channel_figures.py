import io
import json

import pytest
from rich.console import Console
from tests.support.fake_client import channel_figures

from headrace.cli.channel_figures import (
    MAX_DESCRIPTION_CHARACTERS,
    describe,
    figures_json,
    figures_line,
    figures_table,
    latency_text,
    wide_console,
)
from headrace.client.subscription import SubscriptionState


def test_json_has_every_figure_under_a_name_with_its_unit() -> None:
    figures = channel_figures(
        state=SubscriptionState.LIVE,
        received_payload_bytes=1316,
        received_packets=7,
        lost_packets=3,
        recovered_packets=2,
        dropped_packets=1,
        reconnects=4,
        video_frames=5,
        audio_frames=6,
        decode_errors=8,
        latency_p50_ms=130,
        latency_p99_ms=150,
        first_frame_ms=1234.5678,
        title="News",
        facts={"city": "Bern"},
        data={"score": [1, 2]},
    )
    shown = figures_json("1AAA99", figures, None)
    assert json.loads(json.dumps(shown)) == {
        "id": "1AAA99",
        "state": "live",
        "frames_decoded": 5,
        "audio_frames_decoded": 6,
        "decode_errors": 8,
        "bytes": 1316,
        "packets_received": 7,
        "packets_lost": 3,
        "packets_recovered": 2,
        "packets_dropped": 1,
        "reconnects": 4,
        "latency_p50_ms": 130,
        "latency_p99_ms": 150,
        "first_frame_ms": 1234.6,
        "metadata": {"title": "News", "facts": {"city": "Bern"}, "data": {"score": [1, 2]}},
        "error": None,
    }


def test_json_of_nothing_received_says_why() -> None:
    shown = figures_json("X", channel_figures(), ValueError("no"))
    assert (shown["first_frame_ms"], shown["latency_p50_ms"], shown["error"]) == (None, None, "no")
    assert shown["metadata"] == {"title": None, "facts": {}, "data": None}


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_table_keeps_its_figures_whole_on_a_narrow_terminal(width: int) -> None:
    out = io.StringIO()
    figures = {"1AAA99": channel_figures(received_packets=123_456, title="A title of some length")}
    Console(file=out, width=width).print(figures_table(figures, {"1AAA99": 2.5}))
    lines = out.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert width < 80 or all(text in out.getvalue() for text in ("123456", "2.50", "recovered", "dropped"))


def test_a_line_says_what_is_not_known_with_a_dash() -> None:
    line = figures_line("X", channel_figures(), None)
    assert line == "X  connecting  0 frames  - Mbit/s  - ms  lost 0  recovered 0  dropped 0  "
    assert latency_text(0, 3) == "0 / 3"


def test_a_description_is_short_and_cannot_move_the_cursor() -> None:
    assert describe(None, {}) == ""
    assert describe("\x1b[2J\r\nA\u202eB ä 日", {"k": "v"}) == "?[2J??A?B ä 日, k=v"
    assert len(describe("x" * MAX_DESCRIPTION_CHARACTERS, {})) == MAX_DESCRIPTION_CHARACTERS
    cut = describe("x" * (MAX_DESCRIPTION_CHARACTERS + 1), {})
    assert (len(cut), cut[-4:]) == (MAX_DESCRIPTION_CHARACTERS, "x...")


def test_a_pipe_gets_lines_wide_enough_for_a_table() -> None:
    assert wide_console().width >= 80
