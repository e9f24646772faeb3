"""Which layer is the channel's."""

from collections.abc import Iterable

from headrace.endpoints.rtc_layer_choice import BETTER_FOR_US, DEAD_US, FIRST_WAIT_US, LayerChoice

SIZES = {"a": (320, 180), "b": (1280, 720), "c": (640, 360)}
FRAME_US = 40_000


class Layers:
    """Pictures of layers in real time, 25 a second."""

    def __init__(self) -> None:
        self.choice = LayerChoice(tuple(SIZES))
        self.now_us = 1_000_000

    def show(self, rids: Iterable[str], duration_us: int, *, begins: bool = True) -> None:
        end_us = self.now_us + duration_us
        while self.now_us <= end_us:
            for rid in rids:
                self.choice.note_heard(rid, self.now_us)
                self.choice.note_picture(rid, SIZES[rid], self.now_us)
                if begins and self.choice.wanted == rid != self.choice.main:
                    self.choice.begin(rid)
            self.now_us += FRAME_US


def test_the_largest_is_the_channels_as_soon_as_all_have_come() -> None:
    layers = Layers()
    layers.show("ac", 0)
    assert layers.choice.wanted is None
    layers.show("b", 0)
    assert layers.choice.main == "b"
    assert layers.choice.ranking == layers.choice.offered == ["b", "c", "a"]


def test_a_layer_that_does_not_come_is_not_waited_for_long() -> None:
    layers = Layers()
    layers.show("a", FIRST_WAIT_US - 2 * FRAME_US)
    assert layers.choice.main is None
    layers.show("a", 2 * FRAME_US)
    assert layers.choice.main == "a"


def test_when_the_best_is_stopped_the_next_takes_its_place_and_it_comes_back_after_a_while() -> None:
    layers = Layers()
    layers.show("acb", 0)
    layers.show("ac", DEAD_US - 2 * FRAME_US)
    assert layers.choice.main == "b"
    layers.show("ac", 2 * FRAME_US)
    assert layers.choice.main == "c"
    assert layers.choice.offered == ["c", "a"]
    layers.show("acb", BETTER_FOR_US - 2 * FRAME_US)
    assert layers.choice.main == "c"
    # Not yet the channel's, so nobody is to choose it.
    assert layers.choice.offered == ["c", "a"]
    layers.show("acb", 2 * FRAME_US)
    assert layers.choice.main == "b"


def test_when_nothing_comes_at_all_nothing_is_changed() -> None:
    layers = Layers()
    layers.show("acb", 0)
    layers.now_us += 10 * DEAD_US
    layers.show("acb", 0)
    assert layers.choice.main == "b"


def test_layers_whose_size_is_not_known_are_ranked_as_the_sender_prefers() -> None:
    choice = LayerChoice(("x", "y"))
    for rid in ("y", "x"):
        choice.note_heard(rid, 1)
        choice.note_picture(rid, None, 1)
    assert choice.ranking == ["x", "y"]
    assert choice.wanted == "x"


def test_a_better_one_that_stops_before_its_turn_is_not_wanted_any_more() -> None:
    layers = Layers()
    layers.show("ac", FIRST_WAIT_US + FRAME_US)
    assert layers.choice.main == "c"
    layers.show("acb", BETTER_FOR_US + FRAME_US, begins=False)
    assert layers.choice.wanted == "b"
    layers.show("ac", DEAD_US + 2 * FRAME_US)
    assert (layers.choice.main, layers.choice.wanted) == ("c", "c")
