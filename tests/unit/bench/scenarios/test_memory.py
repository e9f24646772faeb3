from collections.abc import Iterator

import pytest

from headrace.bench.scenario import Plan
from headrace.bench.scenarios import memory


def fake_readings(monkeypatch: pytest.MonkeyPatch, *megabytes: float) -> None:
    readings: Iterator[float] = iter(megabytes)
    monkeypatch.setattr(memory, "resident_mb", lambda on, stream, count, *times: [next(readings) for _ in times])
    monkeypatch.setattr(memory, "_resting_mb", lambda on: 60.0)


@pytest.mark.parametrize(("many_mb", "late_mb", "met"), [(63.8, 71.0, True), (63.9, 72.0, False)])
def test_a_subscriber_a_channel_and_a_minute_have_their_goals(
    monkeypatch: pytest.MonkeyPatch, many_mb: float, late_mb: float, met: bool
) -> None:
    fake_readings(monkeypatch, 60.0, many_mb, 84.0, 80.0, 70.0, late_mb)
    rest, subscriber, channel, growth = memory.measure_memory(Plan(runs=1), lambda line: None).figures
    assert rest.is_met
    assert subscriber.values[0] == pytest.approx(1000 * (many_mb - 60) / 1900)
    assert [subscriber.is_met, growth.is_met] == [met, met]
    assert channel.is_met
    assert (channel.values, growth.values) == ((84.0,), (late_mb,))
