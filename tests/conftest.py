"""What all tests share."""

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

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


class _Files(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker whole files, so that what they share is made once; one has all those with a browser."""

    def _split_scope(self, nodeid: str) -> str:
        path = str(super()._split_scope(nodeid))
        return "browser" if "browser" in path else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Files:
    """Have xdist deal tests out so: with pytest 9.2 it does not see its own groups."""
    return _Files(config, log)
