import io
import json

import pytest
from rich.console import Console
from tests.support.fake_client import channel_figures

from headrace.cli.channel_figures import (
    MAX_DESCRIPTION_CHARACTERS,
    TABLE_WIDTH,
    describe,
    figures_json,
    figures_line,
    latency_text,
    print_figures,
    wide_console,
)
from headrace.client.subscription import SubscriptionState
from headrace.client.viewer import ViewerFigures


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


@pytest.mark.parametrize("width", [80, 140])
def test_figures_fit_into_a_terminal_of_80_columns(width: int) -> None:
    out = io.StringIO()
    figures = {
        "1AAA99": channel_figures(
            state=SubscriptionState.WAITING,
            received_packets=123_456,
            video_frames=54_321,
            latency_p50_ms=1_300,
            latency_p99_ms=1_400,
            title="A title of some length, and more of it than fits beside figures",
        ),
        "2BBB99": channel_figures(),
    }
    print_figures(Console(file=out, width=width), figures, {"1AAA99": 12.5, "2BBB99": None})
    units, heading, first, second, title = out.getvalue().splitlines()
    assert units.strip() == "latency ms"
    assert " ".join(heading.split()) == "channel state Mbit/s frames packets lost recovered dropped p50 / p99"
    assert " ".join(first.split()) == "1AAA99 waiting 12.50 54321 123456 0 0 0 1300 / 1400"
    assert " ".join(second.split()) == "2BBB99 connecting - 0 0 0 0 0 -"
    assert title == "1AAA99: A title of some length, and more of it than fits beside figures"


def test_a_narrow_terminal_gets_lines_in_place_of_a_table() -> None:
    out = io.StringIO()
    print_figures(Console(file=out, width=TABLE_WIDTH - 1), {"X": channel_figures(title="[/b]")}, {"X": 1.0})
    text = " ".join(out.getvalue().split())
    assert text == "X connecting 0 frames 1.00 Mbit/s - ms lost 0 recovered 0 dropped 0 [/b]"


def test_the_longest_id_is_shown_whole() -> None:
    out = io.StringIO()
    print_figures(Console(file=out, width=80), {"x" * 64: channel_figures()}, {})
    assert out.getvalue().count("x") == 64


def test_a_line_says_what_is_not_known_with_a_dash() -> None:
    line = figures_line("X", channel_figures(), None)
    assert line == "X  connecting  0 frames  - Mbit/s  - ms  lost 0  recovered 0  dropped 0"
    assert latency_text(0, 3) == "0 / 3"


def test_a_description_has_title_facts_and_the_newest_data() -> None:
    assert describe(ViewerFigures()) == ""
    seen = ViewerFigures(title="News", facts={"city": "Bern", "k": "v"}, data={"score": [1, "ä"]})
    assert describe(seen) == 'News, city=Bern, k=v, {"score": [1, "ä"]}'


def test_a_description_is_short_and_cannot_move_the_cursor() -> None:
    assert describe(ViewerFigures(title="\x1b[2J\r\nA\u202eB ä 日")) == "?[2J??A?B ä 日"
    longest = "x" * MAX_DESCRIPTION_CHARACTERS
    assert describe(ViewerFigures(title=longest)) == longest
    cut = describe(ViewerFigures(title=longest + "x"))
    assert (len(cut), cut[-4:]) == (MAX_DESCRIPTION_CHARACTERS, "x...")


def test_a_pipe_gets_lines_wide_enough_for_a_table() -> None:
    assert wide_console().width >= 80
