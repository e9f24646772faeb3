"""All scenarios there are, in the order in which they are run and shown."""

from typing import Final

from headrace.bench import send_path
from headrace.bench.scenario import Scenario
from headrace.bench.scenarios import fanout

SCENARIOS: Final[tuple[Scenario, ...]] = (fanout.SCENARIO, send_path.SCENARIO)
