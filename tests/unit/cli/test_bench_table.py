"""The table of ``headrace bench``."""

from rich.console import Console
from tests.support.bench_results import bench_results

from headrace.cli.bench_table import bench_view


def test_everything_that_was_found_is_in_the_view() -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(bench_view(bench_results().machine, bench_results().scenarios))
    row = next(line for line in capture.get().splitlines() if line.startswith("fanout"))
    for text in ("0.0300 / 0.0340 / 0.0360 cores", "sendto: 0.0600", "ratio <= 0.650", "met", "the load was"):
        assert text in row
    assert "fanout: pinned" in capture.get()
    assert "send: skipped: no compiler" in capture.get()
    assert "start: failed: OSError" in capture.get()
    assert "a core, 2 cores, governor performance; Linux 6.1;" in capture.get()
