"""How many files this process may have open, sockets among them, and what to do where that is too few.

Source: getrlimit(2), accept(2).
"""

import errno
import sys
from contextlib import suppress
from typing import Final

if sys.platform != "win32":
    import resource

ENOUGH_OPEN_FILES: Final = 65_536
"""What is asked for, where the hard limit is above: a container's may be a thousand million, and programs that are
started from here may close every descriptor that they could have, one after another."""
_OWN_LIMIT: Final = "raise the limit of open files: ulimit -n, LimitNOFILE= in a unit, ulimits: in a compose file"


def raise_open_file_limit(enough: int = ENOUGH_OPEN_FILES) -> None:
    """Raise the soft limit of open files to the hard one, or to ``enough`` where that is lower.

    The soft one is low, 1,024, for the sake of programs that use select(2), which bears no higher descriptor.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    # macOS has a lower limit besides, of which getrlimit says nothing.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def advice_on_shortage(error_number: int | None) -> str:
    """Return what to do where the system has given no descriptor, for the reason of ``error_number``."""
    if error_number == errno.EMFILE:
        return _OWN_LIMIT
    if error_number == errno.ENFILE:
        return "raise the limit of the whole system: sysctl fs.file-max"
    return "look at the reason"
