"""The soak in words: a line for each reading, a table at the end, and all of it as JSON."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
from bench.soak.reading import Reading
from bench.soak.tally import Tally
from bench.soak.verdict import Verdict, Window

_MAX_COMPLAINTS: Final = 10


def machine_facts() -> dict[str, str | int | None]:
    """Return what the results depend on."""
    return {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def reading_line(reading: Reading) -> str:
    """Return one line about one reading."""
    minutes, seconds = divmod(round(reading.at_seconds), 60)
    latency = "        -        "
    if reading.latency_p50_us is not None and reading.latency_p99_us is not None:
        latency = f"{reading.latency_p50_us / 1000:6.2f} / {reading.latency_p99_us / 1000:6.2f} ms"
    return (
        f"{minutes:3d}:{seconds:02d}  rss {reading.rss_bytes / 2**20:6.1f} MiB  "
        f"cpu {100 * reading.core_share:3.0f} % (waited {100 * reading.waited_share:4.1f} %, "
        f"load {100 * reading.load_core_share:3.0f} %)  "
        f"files {reading.open_files:3d}  latency {latency}  "
        f"subscribers {reading.subscribers} ({reading.joins} came)  faults {reading.faults}"
    )


def print_verdict(verdict: Verdict, tally: Tally) -> None:
    """Print the comparison, what happened, and whether the soak is passed."""
    print(f"\n{'':<16}{_span(verdict.reference):>16}{_span(verdict.end):>16}{'at most':>16}")
    for check in verdict.checks:
        figures = "".join(
            f"{'-' if value is None else f'{value:,.0f}':>16}"
            for value in (check.reference, check.end, check.limit)
        )
        print(f"{check.name:<16}{figures}  {'ok' if check.is_met else 'FAILED'}")
    print(
        f"\n{tally.joins} subscribers came and {_counts(tally.departures)}; "
        f"producers: {_counts(tally.producer_ends)}"
    )
    print(
        f"{tally.received_packets} packets received, {tally.recovered_packets} of them sent again, "
        f"{tally.orphaned_packets} lost with a producer that could not send them again"
    )
    for name, count in verdict.faults.items():
        print(f"FAULT: {name}: {count}")
    for name, count in verdict.excused_faults.items():
        print(f"while something else had the cores: {name}: {count}")
    for line in verdict.complaints[:_MAX_COMPLAINTS]:
        print(f"LOGGED: {line}")
    if verdict.is_disturbed:
        print("something else used the broker's core: run the soak again while the machine is left alone")
    print("passed" if verdict.is_passed else "FAILED")


def _span(window: Window) -> str:
    return f"{window.start_seconds:.0f}-{window.end_seconds:.0f} s"


def _counts(counter: "dict[str, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.items()) or "none"


def to_json(settings: dict[str, float], readings: Sequence[Reading], verdict: Verdict, tally: Tally) -> object:
    """Return everything as what `json.dumps` takes."""
    return {
        "settings": settings,
        "machine": machine_facts(),
        "passed": verdict.is_passed,
        "verdict": asdict(verdict),
        "tally": {
            "joins": tally.joins,
            "departures": dict(tally.departures),
            "producer_ends": dict(tally.producer_ends),
            "received_packets": tally.received_packets,
            "recovered_packets": tally.recovered_packets,
            "orphaned_packets": tally.orphaned_packets,
        },
        "readings": [asdict(reading) for reading in readings],
    }
