from headrace.cli.state_changes import StateChanges
from headrace.client.subscription import SubscriptionState

CONNECTING, WAITING, LIVE = SubscriptionState.CONNECTING, SubscriptionState.WAITING, SubscriptionState.LIVE


def told(*states: SubscriptionState) -> list[str | None]:
    changes = StateChanges()
    return [changes.look("X", state) for state in states]


def test_a_state_that_lasts_for_two_looks_is_told_once() -> None:
    assert told(CONNECTING, CONNECTING, WAITING, WAITING, WAITING) == [
        None,
        None,
        None,
        "X: waiting for the producer",
        None,
    ]


def test_a_moment_is_not_told() -> None:
    assert told(WAITING, LIVE, LIVE, WAITING, LIVE, LIVE) == [None, None, "X: live", None, None, None]


def test_going_and_coming_back_is_told() -> None:
    assert [line for line in told(LIVE, LIVE, WAITING, WAITING, LIVE, LIVE, CONNECTING, CONNECTING) if line] == [
        "X: live",
        "X: waiting for the producer",
        "X: live",
        "X: connecting",
    ]


def test_what_is_forgotten_begins_anew() -> None:
    changes = StateChanges()
    for _ in range(2):
        assert [changes.look("X", LIVE), changes.look("X", LIVE)] == [None, "X: live"]
        changes.forget("X")
