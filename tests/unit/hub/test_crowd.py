"""How many connections are let in, at each limit and one past it."""

import pytest

from headrace.base.sockaddr import encode_sockaddr
from headrace.hub.crowd import MAX_CONNECTIONS, MAX_CONNECTIONS_PER_HOST, Crowd

HERE, THERE = encode_sockaddr("10.0.0.1", 1), encode_sockaddr("10.0.0.2", 1)


def crowd(count: int, address: bytes = HERE, **limits: int) -> Crowd:
    made = Crowd(**limits)
    for socket_id in range(1, count + 1):
        made.enter(socket_id, address)
    return made


@pytest.mark.parametrize(
    ("count", "expected"), [(2, None), (3, "connections_of_host"), (4, "connections_of_host")]
)
def test_a_host_has_its_limit_and_others_are_let_in(count: int, expected: str | None) -> None:
    full = crowd(count, max_of_host=3)
    assert full.limit_reached(HERE) == expected
    assert full.limit_reached(THERE) is None


@pytest.mark.parametrize(("count", "expected"), [(2, None), (3, "connections"), (4, "connections")])
def test_all_together_have_a_limit(count: int, expected: str | None) -> None:
    assert crowd(count, max_connections=3).limit_reached(THERE) == expected


def test_the_limits_are_what_they_say() -> None:
    assert crowd(MAX_CONNECTIONS_PER_HOST - 1).limit_reached(HERE) is None
    assert crowd(MAX_CONNECTIONS_PER_HOST).limit_reached(HERE) == "connections_of_host"
    everybody = Crowd()
    for number in range(MAX_CONNECTIONS):
        assert everybody.limit_reached(THERE) is None
        everybody.enter(number, encode_sockaddr(f"10.{number >> 8}.{number & 0xFF}.1", 1))
    assert everybody.limit_reached(THERE) == "connections"


def test_other_ports_and_the_rest_of_a_64_count_as_the_same_host() -> None:
    assert crowd(1, max_of_host=1).limit_reached(encode_sockaddr("10.0.0.1", 2)) == "connections_of_host"
    six = crowd(1, encode_sockaddr("2001:db8::1", 1), max_of_host=1)
    assert six.limit_reached(encode_sockaddr("2001:db8::2", 1)) == "connections_of_host"
    assert six.limit_reached(encode_sockaddr("2001:db8:0:1::2", 1)) is None


def test_who_leaves_makes_room_and_is_forgotten() -> None:
    full = crowd(3, max_of_host=3)
    full.leave(2)
    assert full.limit_reached(HERE) is None
    full.leave(2)
    assert len(full) == 2
    for socket_id in (1, 3, 99):
        full.leave(socket_id)
    assert (len(full), full._of_host) == (0, {})


def test_asking_costs_no_memory() -> None:
    empty = Crowd()
    empty.limit_reached(HERE)
    assert empty._of_host == {}
