import pytest

from headrace.base.errors import HeadraceError
from headrace.client.backoff import FIRST_SECONDS, MAX_SECONDS, Backoff, is_refused_for_good
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError, RejectReason


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(6)] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_half_of_a_delay_is_certain_and_half_random() -> None:
    assert Backoff(lambda: 0.0).next_seconds() == FIRST_SECONDS / 2
    assert Backoff(lambda: 0.5).next_seconds() == FIRST_SECONDS * 3 / 4


def test_after_a_success_delays_are_short_again() -> None:
    backoff = Backoff(lambda: 1.0)
    while backoff.next_seconds() < MAX_SECONDS:
        pass
    backoff.reset()
    assert backoff.next_seconds() == FIRST_SECONDS


def test_where_asking_was_waiting_the_next_delay_stays_short() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.seconds_after(ConnectTimeoutError("nobody")) for _ in range(9)] == [FIRST_SECONDS] * 9
    assert backoff.seconds_after(ConnectionRejectedError(RejectReason.OVERLOAD)) == 2 * FIRST_SECONDS
    assert backoff.seconds_after(OSError("no name")) == 4 * FIRST_SECONDS


@pytest.mark.parametrize(
    "code",
    [
        RejectReason.RESOURCE,
        RejectReason.BACKLOG,
        RejectReason.CLOSED,
        RejectReason.TIMEOUT,
        RejectReason.OVERLOAD,
    ],
)
def test_a_broker_that_is_full_or_closing_is_asked_again(code: RejectReason) -> None:
    assert not is_refused_for_good(ConnectionRejectedError(code))


@pytest.mark.parametrize("code", [RejectReason.CONFLICT, RejectReason.FORBIDDEN, RejectReason.BAD_REQUEST, 3001])
def test_another_refusal_is_for_good(code: int) -> None:
    assert is_refused_for_good(ConnectionRejectedError(code))


@pytest.mark.parametrize("error", [ConnectTimeoutError("nobody"), HeadraceError("lost"), OSError("no name")])
def test_what_is_no_refusal_is_not_for_good(error: Exception) -> None:
    assert not is_refused_for_good(error)
