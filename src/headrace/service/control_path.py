"""Where a broker's control socket is: in a folder that only its user can enter, under the name of its UDP port.

Source: XDG Base Directory Specification, ``$XDG_RUNTIME_DIR``; unix(7).
"""

import os
import tempfile
from pathlib import Path
from typing import Final

SUFFIX: Final = ".sock"


def control_folder() -> Path:
    """Return the folder of this user's control sockets; it need not be there."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "headrace"
    return Path(tempfile.gettempdir()) / f"headrace-{os.getuid()}"


def control_path(port: int) -> Path:
    """Return where the broker on UDP port ``port`` has its control socket if it was not told otherwise."""
    return control_folder() / f"{port}{SUFFIX}"


def make_control_folder() -> None:
    """Make the folder if need be, for this user alone.

    Raises:
        OSError: It cannot be made, or is not this user's alone: anybody may make one in the temporary folder.
    """
    folder = control_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o170077 != 0o040000:
        raise PermissionError(f"{folder} is to be a folder that only its owner, this user, can enter")
