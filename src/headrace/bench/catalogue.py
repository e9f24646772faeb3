"""All scenarios there are, in the order in which they are run and shown."""

from typing import Final

from headrace.bench.scenario import Scenario
from headrace.bench.scenarios import (
    bitrates,
    browsers,
    channels,
    client_side,
    encryption,
    fanout,
    flood,
    latency,
    lossy_producer,
    memory,
    send_path,
    start,
)

SCENARIOS: Final[tuple[Scenario, ...]] = (
    fanout.SCENARIO,
    send_path.SCENARIO,
    encryption.SCENARIO,
    channels.SCENARIO,
    latency.SCENARIO,
    memory.SCENARIO,
    bitrates.SCENARIO,
    browsers.SCENARIO,
    client_side.SCENARIO,
    start.SCENARIO,
    lossy_producer.SCENARIO,
    flood.SCENARIO,
)
