"""structlog without Rich, which it loads for tracebacks that we do not show.

Source: a name that is None in ``sys.modules`` cannot be imported (Python's import system), and structlog goes
without what it cannot import. Measured: Rich with Pygments was a fifth of the processor time until a broker
listens.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_RICH: Final = "rich"


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Let nobody import ``name`` in this block, if nobody has yet."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _without(_RICH):
    import structlog

__all__ = ["structlog"]
