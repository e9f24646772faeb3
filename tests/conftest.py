"""What all tests share."""

import gc
import signal

from hypothesis import HealthCheck, settings

# A busy machine may take long for an example, or for making some up: that is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A shell has jobs in the background ignore it, and what tests start would inherit that: they interrupt programs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep what thousands of tests are made of from being looked through whenever garbage is collected."""
    gc.collect()
    gc.freeze()
