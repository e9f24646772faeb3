"""What was typed in earlier sessions of the client's shell."""

import os
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory


def open_history() -> History:
    """Return the history of earlier sessions, or an empty one where it cannot be kept.

    It is kept in the folder for such things, ``$XDG_STATE_HOME`` or ``~/.local/state``, for the user alone.
    """
    try:
        path = _state_folder() / "headrace" / "history"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return FileHistory(path)


def _state_folder() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
