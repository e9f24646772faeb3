"""What goes wrong with stored state."""

from headrace.base.errors import HeadraceError


class StateError(HeadraceError):
    """The state cannot be read or written, or does not have what was asked for; the message says what to do."""
