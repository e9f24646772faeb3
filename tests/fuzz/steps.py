"""How much work an input makes, counted and not timed, so that a busy machine changes nothing.

Lines of Headrace's own code are counted. What NumPy does in one line counts as one.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import headrace

_SOURCE: Final = str(Path(headrace.__file__).parent)


class TooManyLinesError(AssertionError):
    """The work that an input makes is out of proportion."""


def count_lines(run: Callable[[], Any]) -> tuple[Any, int]:
    """Return what ``run`` returns, and how many lines of Headrace it has run."""
    lines = 0

    def trace_call(frame: FrameType, event: str, argument: object) -> Any:
        return trace_line if frame.f_code.co_filename.startswith(_SOURCE) else None

    def trace_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace_line

    before = sys.gettrace()
    sys.settrace(trace_call)
    try:
        result = run()
    finally:
        sys.settrace(before)
    return result, lines


def check_lines(lines: int, handed_bytes: int, *, base_lines: int, lines_per_byte: int) -> None:
    """Raise if an input has run more lines than so many bytes may.

    Raises:
        TooManyLinesError: It has.
    """
    limit = base_lines + lines_per_byte * handed_bytes
    if lines > limit:
        raise TooManyLinesError(f"{handed_bytes} bytes ran {lines} lines, {limit} are allowed")
