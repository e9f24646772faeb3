"""What the media room raises."""

from headrace.base.errors import HeadraceError


class MediaError(HeadraceError):
    """A source cannot be read or encoded; the message says what to do about it."""
