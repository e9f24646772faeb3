"""The loss list against a plain set of indices."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from headrace.srt.loss_list import LossList

INDICES = st.integers(0, 60)


class LossListMachine(RuleBasedStateMachine):
    """Does the same to a loss list and to a set."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = LossList()
        self.model: set[int] = set()

    @rule(first=INDICES, length=st.integers(1, 20))
    def add(self, first: int, length: int) -> None:
        self.losses.add(first, first + length - 1)
        self.model |= set(range(first, first + length))

    @rule(index=INDICES)
    def remove(self, index: int) -> None:
        assert self.losses.remove(index) == (index in self.model)
        self.model.discard(index)

    @rule(first=INDICES, last=INDICES)
    def remove_range(self, first: int, last: int) -> None:
        gone = self.model & set(range(first, last + 1))
        assert self.losses.remove_range(first, last) == len(gone)
        self.model -= gone

    @rule(index=INDICES)
    def remove_below(self, index: int) -> None:
        gone = {missing for missing in self.model if missing < index}
        assert self.losses.remove_below(index) == len(gone)
        self.model -= gone

    @rule()
    def pop_first(self) -> None:
        first = min(self.model, default=None)
        assert self.losses.pop_first() == first
        self.model -= {first}

    @invariant()
    def agrees(self) -> None:
        ranges = self.losses.ranges()
        assert [index for first, last in ranges for index in range(first, last + 1)] == sorted(self.model)
        assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))
        assert len(self.losses) == len(self.model)
        assert self.losses.first == min(self.model, default=None)
        assert {index for index in range(-2, 85) if index in self.losses} == self.model


LossListMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestLossList = LossListMachine.TestCase
