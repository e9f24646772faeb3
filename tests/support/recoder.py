"""A stand-in for what re-encodes a channel's pictures."""

from headrace.remux.access_unit import AccessUnit


class Recoder:
    """Takes what it is given, while it may.

    Attributes:
        units: What it has got since it was ended last.
        taken: How many units it has got in all.
        ends: How often it was ended.
        has_slot: Whether it takes anything.
        trouble: As a `headrace.endpoints.picture_route.PictureRecoder` has it.
    """

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.taken = 0
        self.ends = 0
        self.has_slot = True
        self.trouble: str | None = None

    def feed(self, unit: AccessUnit) -> bool:
        if self.has_slot and (self.units or unit.is_keyframe):
            self.units.append(unit)
            self.taken += 1
            return True
        return False

    def end(self) -> None:
        self.units.clear()
        self.ends += 1

    def facts(self) -> dict[str, int]:
        return {"pictures": self.taken, "left_out_pictures": 0, "failures": 0}
