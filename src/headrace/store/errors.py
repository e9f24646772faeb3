"""What goes wrong with stored state."""

from headrace.base.errors import HeadraceError


class StateError(HeadraceError):
    """The state cannot be read or written, or does not have what was asked for; the message says what to do."""


class MissingError(StateError):
    """The state does not have what was asked for."""


class ConflictError(StateError):
    """What was asked for cannot be done with the state as it is."""
