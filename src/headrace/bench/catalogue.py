"""All scenarios there are, in the order in which they are run and shown."""

from typing import Final

from headrace.bench import send_path
from headrace.bench.scenario import Scenario

SCENARIOS: Final[tuple[Scenario, ...]] = (send_path.SCENARIO,)
