"""All scenarios there are, in the order in which they are run and shown."""

from typing import Final

from headrace.bench.scenario import Scenario
from headrace.bench.scenarios import client_side, fanout, send_path, start

SCENARIOS: Final[tuple[Scenario, ...]] = (
    fanout.SCENARIO,
    send_path.SCENARIO,
    client_side.SCENARIO,
    start.SCENARIO,
)
