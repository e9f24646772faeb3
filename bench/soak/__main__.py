"""``make soak``: run it and say whether the broker is at the end as it was in the fifth minute."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.soak.chart import draw_chart
from bench.soak.reading import BrokerLog, Reading, Watch
from bench.soak.report import machine_facts, print_verdict, reading_line, to_json
from bench.soak.soak_channel import make_channels
from bench.soak.soak_load import SoakLoad
from bench.soak.verdict import judge
from bench.srt_peer import SrtPeer

from headrace.bench.limits import allow_open_files
from headrace.bench.measured_process import BrokerProcess
from headrace.bench.stage import free_port
from headrace.netio.clock import now_us
from headrace.srt.caller import CallerOptions

START_TIMEOUT_US: Final = 30_000_000
READING_SECONDS: Final = 10.0
READINGS_AT_LEAST: Final = 18
"""In a soak of less than three minutes they come more often: six are in each third."""


def main() -> int:
    """Return 0 if the soak is passed."""
    arguments = _parse_arguments()
    allow_open_files(2 * arguments.subscribers + 200)
    channels = make_channels()
    with tempfile.TemporaryDirectory() as scratch:
        log_path = Path(scratch) / "broker.log"
        port = free_port()
        broker = BrokerProcess(port, log_path, "--log-json", core=_share_cores())
        try:
            _wait_until_ready(port)
            load = SoakLoad(port, arguments.subscribers, channels, arguments.seed)
            log = BrokerLog(log_path)
            try:
                readings = _read_all(Watch(broker, load, log), load, 60 * arguments.minutes)
            finally:
                load.close()
        finally:
            broker.stop()
        log.poll()
    verdict = judge(readings, load.tally.faults, log.complaints)
    print_verdict(verdict, load.tally)
    if arguments.json is not None:
        settings = {name: getattr(arguments, name) for name in ("minutes", "subscribers", "seed")}
        arguments.json.write_text(json.dumps(to_json(settings, readings, verdict, load.tally), indent=1) + "\n")
        arguments.json.with_suffix(".svg").write_text(draw_chart(readings))
    return 0 if verdict.is_passed else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--subscribers", type=int, default=200, help="at a time (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is decided at random (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results there, and a chart beside it")
    arguments = parser.parse_args()
    if arguments.minutes <= 0 or arguments.subscribers <= 0:
        parser.error("--minutes and --subscribers have to be above 0")
    return arguments


def _share_cores() -> int:
    """Keep the load on one core and return another one for the broker, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    return cores[0]


def _wait_until_ready(port: int) -> None:
    options = CallerOptions(stream_id="READY", connect_timeout_us=START_TIMEOUT_US)
    with SrtPeer("127.0.0.1", port, options) as peer:
        peer.connect()


def _read_all(watch: Watch, load: SoakLoad, total_seconds: float) -> list[Reading]:
    print(", ".join(f"{name} {fact}" for name, fact in machine_facts().items()), flush=True)
    count = max(READINGS_AT_LEAST, round(total_seconds / READING_SECONDS))
    start_us = now_us()
    readings: list[Reading] = []
    for number in range(1, count + 1):
        load.run_until(start_us + round(1e6 * total_seconds * number / count))
        readings.append(watch.read())
        print(reading_line(readings[-1]), flush=True)
    return readings


if __name__ == "__main__":
    sys.exit(main())
