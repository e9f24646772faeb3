from headrace.base.errors import HeadraceError
from headrace.store.errors import StateError


def test_a_state_that_cannot_be_used_is_one_of_our_errors() -> None:
    assert issubclass(StateError, HeadraceError)
