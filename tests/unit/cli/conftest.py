"""What the commands' tests share."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> Iterator[None]:
    """Let no test see how a command configured its logs."""
    yield
    structlog.reset_defaults()
    logging.getLogger("headrace").handlers = []
