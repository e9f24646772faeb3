"""Keys, tokens and private channels at a broker's endpoint, with its peers, in virtual time."""

from itertools import pairwise

import pytest
from tests.simnet.srt_ports import CallerPort
from tests.support.access import (
    KEYS,
    PRIVATE,
    TOKEN_KEY,
    UNKNOWN_KEY,
    closed_directory,
    token,
    without_channel,
)
from tests.support.broker_world import MS, SECOND, START_UNIX_US, World

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory
from headrace.endpoints.subscriber_links import MAX_DROPS_PER_SWEEP
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError

LET_GO_US = 5 * SECOND
SWEEP_US = 1_100 * MS
"""One sweep of the grants, and one of the table."""


def closed_world() -> World:
    return World(directory=closed_directory())


def refusal_of(world: World, stream_id: str) -> int:
    caller = world.call(stream_id)
    world.run(SECOND)
    assert isinstance(caller.caller.error, ConnectionRejectedError), caller.caller.error
    return caller.caller.error.code


def is_let_go(peer: CallerPort) -> bool:
    return peer.connection.close_reason == "peer_shutdown"


def left_behind(world: World) -> tuple[int, int, int]:
    """Return what the broker holds of connections: grants, connections to producers, subscribers."""
    endpoint = world.endpoint
    return len(endpoint._admissions._held), endpoint.producer_count, endpoint.table.count


@pytest.mark.parametrize(
    "stream_id",
    [
        f"#!::r=cam1,m=publish,k={KEYS['cam1']}",
        f"#!::r=cam1,m=publish,s={KEYS['cam1']}",
        f"#!::r=cam1,m=publish,u={KEYS['cam1']}",
        f"#!::m=publish,k={KEYS['cam1']}",
        f"publish:cam1:{KEYS['cam1']}",
        f"publish:{KEYS['cam1']}",
        KEYS["cam1"],
        f"publish:cam1:{token('cam1', Verb.PUBLISH)}",
    ],
)
def test_a_key_in_every_form_streams_into_its_channel(stream_id: str) -> None:
    world = closed_world()
    subscriber = world.join("cam1")
    producer = world.join(stream_id)
    sent = world.send(producer, 20)
    world.run(SECOND)
    assert subscriber.payloads == sent


@pytest.mark.parametrize(
    ("stream_id", "code"),
    [
        ("publish:cam1", 2401),
        (f"publish:cam1:{UNKNOWN_KEY}", 2401),
        ("publish:cam1:hunter2", 2401),
        (UNKNOWN_KEY, 2401),
        (KEYS["cam1"][:-1], 2401),
        (f"publish:cam2:{KEYS['cam1']}", 2403),
        (f"publish:nowhere:{KEYS['cam1']}", 2403),
        ("publish:nowhere", 2401),
        (f"publish:cam1:{token('cam1')}", 2403),
        ("nowhere", 2404),
        ("private", 2401),
        (f"request:private:{KEYS['private']}", 2401),
        ("request:private:hunter2", 2401),
        (f"request:private:{token(seconds=-1)}", 2401),
        (f"#!::r=private,t={token('cam1')}", 2403),
        (f"#!::r=private,t={token(verb=Verb.PUBLISH)}", 2403),
        (f"request:{UNKNOWN_KEY}", 2401),
        ("", 2400),
        ("#!::m=publish", 2400),
        ("#!::r=../etc,k=x", 2400),
        ("#!::r=cam1,m=bidirectional", 2405),
    ],
)
def test_who_does_not_belong_is_refused_with_its_code_and_leaves_nothing(stream_id: str, code: int) -> None:
    world = closed_world()
    assert refusal_of(world, stream_id) == code
    assert world.endpoint.refused_connections == {code: 1}
    assert left_behind(world) == (0, 0, 0)
    assert not world.endpoint.hub.channels


def test_no_event_shows_a_key_or_token() -> None:
    world = closed_world()
    secrets = [*KEYS.values(), UNKNOWN_KEY, token(seconds=-1), "hunter2"]
    for secret in secrets:
        for form in ("{}", "publish:cam2:{}", "request:private:{}", "#!::r={},m=x", "#!::{}", "#!::u={},r=../x"):
            world.call(form.format(secret))
    world.run(3 * SECOND)
    shown = repr(world.endpoint.events.newest)
    assert "connection refused" in shown
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    "form",
    ["#!::r=private,m=request,t={}", "#!::r=private,k={}", "#!::r=private,s={}", "request:private:{}", "{}"],
)
def test_a_token_in_every_form_opens_a_private_channel(form: str) -> None:
    world = closed_world()
    producer = world.join(KEYS["private"])
    subscriber = world.join(form.format(token(start_us=world.unix_us)))
    sent = world.send(producer, 20)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_before_it_is_known_who_may_do_what_nobody_gets_an_answer_and_then_the_same_callers_do() -> None:
    world = World(directory=None)
    callers = [world.call(KEYS["cam1"]), world.call("cam1"), world.call(UNKNOWN_KEY)]
    world.run(SECOND)
    assert [(one.caller.connection, one.caller.error) for one in callers] == [(None, None)] * 3
    world.use(closed_directory())
    world.run(SECOND)
    assert callers[0].caller.connection is not None
    assert callers[1].caller.connection is not None
    assert isinstance(callers[2].caller.error, ConnectionRejectedError)


def test_who_waits_for_that_in_vain_gives_up() -> None:
    world = World(directory=None)
    caller = world.call("cam1")
    world.run(4 * SECOND)
    assert isinstance(caller.caller.error, ConnectTimeoutError)
    assert left_behind(world) == (0, 0, 0)


def test_a_subscriber_whose_token_expires_while_it_watches_is_let_go_and_refused_when_it_calls_again() -> None:
    world = closed_world()
    producer = world.join(KEYS["private"])
    stays, expires = (f"request:private:{token(seconds=seconds)}" for seconds in (60, 10))
    staying, expiring = world.join(stays), world.join(expires)
    ends_us = START_UNIX_US + 10 * SECOND - world.unix_us
    world.run(ends_us - 10 * MS)
    assert not is_let_go(expiring)
    world.run(SWEEP_US)
    assert is_let_go(expiring)
    assert not is_let_go(staying)
    assert refusal_of(world, expires) == 2401
    assert world.endpoint.ended_rights == {"token_expired": 1}
    assert world.endpoint.dropped_subscribers == {"token_expired": 1}
    assert [event.facts["reason"] for event in world.endpoint.events.newest if "reason" in event.facts] == [
        "token_expired"
    ]
    sent = world.send(producer, 5)
    world.run(SECOND)
    assert staying.payloads[-5:] == sent


def test_a_producer_whose_key_is_revoked_is_let_go_at_once_and_refused_when_it_calls_again() -> None:
    world = closed_world()
    revoked, other = world.join(KEYS["cam1"]), world.join(KEYS["cam2"])
    watching = world.join("cam1")
    world.use(closed_directory(keys=("cam2",)))
    assert is_let_go(revoked)
    assert not is_let_go(other)
    assert not is_let_go(watching)
    assert refusal_of(world, KEYS["cam1"]) == 2401
    gone = [event.facts for event in world.endpoint.events.newest if event.what == "producer gone"]
    assert [(facts["channel"], facts["reason"]) for facts in gone] == [("cam1", "key_revoked")]
    assert world.endpoint.ended_rights == {"key_revoked": 1}


def test_a_producer_whose_token_expires_is_let_go() -> None:
    world = closed_world()
    producer = world.join(f"publish:cam1:{token('cam1', Verb.PUBLISH, seconds=2, start_us=world.unix_us)}")
    world.run(2 * SECOND + SWEEP_US)
    assert is_let_go(producer)
    assert left_behind(world) == (0, 0, 0)


@pytest.mark.parametrize(
    ("after", "reason", "code"),
    [
        (without_channel(closed_directory(), "cam1"), "channel_removed", 2404),
        (closed_directory(ChannelRule("cam1", Visibility.PRIVATE)), "channel_private", 2401),
    ],
)
def test_subscribers_of_a_channel_that_is_closed_to_them_are_let_go(
    after: Directory, reason: str, code: int
) -> None:
    world = closed_world()
    world.join(KEYS["cam1"])
    watching, elsewhere = world.join_many("cam1", 20), world.join("cam2")
    world.use(after)
    world.run(LET_GO_US)
    assert all(is_let_go(one) for one in watching)
    assert not is_let_go(elsewhere)
    assert world.endpoint.dropped_subscribers == {reason: 20}
    assert world.endpoint.table.count == 1
    assert refusal_of(world, "cam1") == code


def test_of_a_channel_that_becomes_private_those_with_a_token_stay() -> None:
    world = closed_world()
    with_token = world.join(f"request:private:{token(start_us=world.unix_us)}")
    world.use(closed_directory(ChannelRule("private")))
    without = world.join("private")
    world.use(closed_directory(PRIVATE))
    world.run(LET_GO_US)
    assert is_let_go(without)
    assert not is_let_go(with_token)


def test_who_came_with_a_token_goes_when_the_key_that_signed_it_is_taken_away() -> None:
    world = closed_world()
    subscriber = world.join(f"request:private:{token(start_us=world.unix_us)}")
    directory = closed_directory()
    assert directory.token_keys == (TOKEN_KEY,)
    world.use(Directory(2, directory.channels, directory.keys, directory.keys_by_id))
    world.run(LET_GO_US)
    assert is_let_go(subscriber)
    assert world.endpoint.ended_rights == {"token_key_removed": 1}


def test_many_are_let_go_within_five_seconds_and_a_packet_never_waits_for_all_of_them() -> None:
    world = closed_world()
    watching = world.join_many("cam1", 200)
    world.use(closed_directory(ChannelRule("cam1", Visibility.PRIVATE)))
    counts = []
    while world.endpoint.table.count:
        counts.append(world.endpoint.table.count)
        world.run(50 * MS)
    assert len(counts) * 50 * MS <= LET_GO_US
    assert max(one - other for one, other in pairwise(counts)) <= MAX_DROPS_PER_SWEEP
    world.run(SECOND)
    assert all(is_let_go(one) for one in watching)


def test_public_watchers_hold_nothing_and_no_timer_runs_for_them() -> None:
    world = closed_world()
    world.join("cam1")
    assert left_behind(world) == (0, 0, 1)
    assert world.endpoint._admissions.poll_timer() is None
    world.join(f"request:private:{token(start_us=world.unix_us)}")
    assert world.endpoint._admissions.poll_timer() is not None


def test_a_directory_that_changes_nothing_for_them_lets_everybody_stay() -> None:
    world = closed_world()
    producer, subscriber = world.join(KEYS["cam1"]), world.join("cam1")
    for _ in range(3):
        world.use(closed_directory(ChannelRule("cam3")))
    sent = world.send(producer, 10)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert world.endpoint.ended_rights == {}
