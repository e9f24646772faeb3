"""A clock that only a simulation moves.

Source: virtual time of discrete event simulation.
"""


class SimClock:
    """Virtual microseconds.

    Attributes:
        now_us: The present; read it, and leave the moving to the simulation.
    """

    __slots__ = ("now_us",)

    def __init__(self, start_us: int = 1_000_000) -> None:
        self.now_us = start_us

    def advance_to(self, time_us: int) -> None:
        """Move to ``time_us``.

        Raises:
            ValueError: That is in the past.
        """
        if time_us < self.now_us:
            raise ValueError(f"the clock shows {self.now_us} us, {time_us} us is in the past")
        self.now_us = time_us
