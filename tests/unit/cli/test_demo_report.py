import io
import json

import pytest
from rich.console import Console
from tests.support.fake_client import channel_figures

from headrace.cli.demo_channels import DemoChannel
from headrace.cli.demo_report import SubscriberCounts, count_subscribers, find_faults, report_table

GOOD = {"A": channel_figures(video_frames=20), "B": channel_figures(video_frames=10)}
LEFT = SubscriberCounts(connected=1, gone=1)


def log_line(event: str, channel: object) -> str:
    return json.dumps({"event": event, "channel": channel})


def test_subscribers_are_counted_from_the_brokers_log() -> None:
    lines = [
        log_line("subscriber connected", "B"),
        log_line("subscriber connected", "A"),
        log_line("producer gone", "B"),
        log_line("subscriber gone", "B"),
        "Exception in thread: not JSON",
        '["subscriber gone", "B"]',
        '{"event": ["subscriber gone"], "channel": "B"}'.replace("[", "").replace("]", ""),
        log_line("subscriber gone", "B")[:-5],  # being written
    ]
    assert count_subscribers("\n".join(lines), "B") == SubscriberCounts(connected=1, gone=2)
    assert count_subscribers("\n".join(lines), "A") == SubscriberCounts(connected=1, gone=0)
    assert count_subscribers("", "A") == SubscriberCounts(connected=0, gone=0)


def test_where_all_is_well_there_is_no_fault() -> None:
    assert find_faults(GOOD, [], "B", LEFT) == []


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_channel_without_decodable_video_is_a_fault(name: str) -> None:
    assert find_faults({**GOOD, name: channel_figures()}, [], "B", LEFT) == [f"{name} gave no decodable video"]
    broken = channel_figures(video_frames=20, decode_errors=2)
    assert find_faults({**GOOD, name: broken}, [], "B", LEFT) == [f"{name}: 2 frames could not be decoded"]


def test_a_channel_that_stalls_is_a_fault_once() -> None:
    assert find_faults(GOOD, ["A", "A"], "B", LEFT) == ["A gave no video any more"]


@pytest.mark.parametrize(("connected", "gone"), [(0, 0), (1, 0), (2, 1)])
def test_a_channel_that_the_broker_goes_on_sending_is_a_fault(connected: int, gone: int) -> None:
    [fault] = find_faults(GOOD, [], "B", SubscriberCounts(connected, gone))
    assert fault.startswith("B was unsubscribed, but")


def test_the_table_has_a_row_for_each_channel() -> None:
    channels = [DemoChannel("A", "video file", ()), DemoChannel("B", "test pattern", ())]
    figures = {
        "A": channel_figures(
            video_frames=20,
            received_payload_bytes=1_500_000,
            received_packets=1140,
            latency_p50_ms=130,
            latency_p99_ms=150,
            first_frame_ms=812.4,
            title="[/x] Title",
        ),
        "B": channel_figures(lost_packets=3, recovered_packets=2, dropped_packets=1),
    }
    out = io.StringIO()
    Console(file=out, width=140).print(report_table(channels, figures, "B"))
    rows = {line.split()[0]: " ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()}
    assert rows["A"] == "A video file 20 0 1.5 1140 0 0 0 130 / 150 812 [/x] Title"
    assert rows["B"] == "B test pattern (left half way) 0 0 0.0 0 3 2 1 - -"
