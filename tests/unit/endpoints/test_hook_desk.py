"""Callers wait while a hook is asked about them, and it is told when they go."""

import pytest
from tests.simnet.srt_ports import CallerPort
from tests.support.access import KEYS, closed_directory
from tests.support.broker_world import MS, SECOND, START_UNIX_US, World

from headrace.access.ask import Ask, Verb
from headrace.access.directory import OPEN_DIRECTORY, Directory
from headrace.access.gate import Denial
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.access.verdicts import MAX_PENDING, MAX_PENDING_PER_HOST
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.admissions import Admissions, Admitted
from headrace.endpoints.hook_desk import HookDesk
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError
from headrace.srt.stream_id import AccessRequest

KEPT_US = 10 * SECOND
HERE = encode_sockaddr("10.7.0.1", 7000)
QUESTION = HookQuestion(Verb.REQUEST, "cam1", "10.0.0.1")


class Service:
    """Another service, at the end of a wire of which tests are the postman.

    Attributes:
        questions: What it was asked.
        ends: What it was told of those who went: whom it had been asked about, and after how long they went.
    """

    def __init__(self) -> None:
        self.questions: list[HookQuestion] = []
        self.ends: list[tuple[HookQuestion, int]] = []

    def ask(self, question: HookQuestion) -> None:
        self.questions.append(question)

    def tell_end(self, question: HookQuestion, duration_us: int) -> None:
        self.ends.append((question, duration_us))


def hooked_world(directory: Directory = OPEN_DIRECTORY) -> tuple[World, Service]:
    world, service = World(directory=directory), Service()
    world.endpoint.use_hook(service, KEPT_US)
    return world, service


def answer(world: World, service: Service, verdict: HookVerdict) -> None:
    """Have the newest question answered, and give its caller the time to ask again."""
    world.endpoint.handle_verdict(service.questions[-1], verdict, world.now_us)
    world.run(500 * MS)


def code(peer: CallerPort) -> int:
    assert isinstance(peer.caller.error, ConnectionRejectedError), peer.caller.error
    return peer.caller.error.code


def test_the_desk_asks_once_and_knows_the_answer() -> None:
    service = Service()
    desk = HookDesk(service, KEPT_US)
    assert [desk.ask(QUESTION, 0), desk.ask(QUESTION, 1)] == [None, None]
    assert service.questions == [QUESTION]
    desk.handle_verdict(QUESTION, HookVerdict(), 2)
    assert desk.ask(QUESTION, 3) == HookVerdict()
    desk.handle_verdict(QUESTION, HookVerdict(Denial(2401, "")), 4)
    assert desk.answers == {"allowed": 1, "2401": 1}


def test_the_desk_tells_of_those_who_go_if_it_asked_about_them() -> None:
    service = Service()
    desk = HookDesk(service, KEPT_US)
    desk.enter(7, QUESTION, 100)
    desk.leave(8, 150)
    desk.leave(7, 350)
    desk.leave(7, 400)
    assert service.ends == [(QUESTION, 250)]


def test_a_caller_gets_no_answer_until_the_service_has_said_yes() -> None:
    world, service = hooked_world()
    caller = world.call("cam1")
    world.run(SECOND)
    assert caller.caller.connection is None
    assert caller.caller.error is None
    assert [(one.verb, one.channel_id) for one in service.questions] == [(Verb.REQUEST, "cam1")]
    answer(world, service, HookVerdict())
    assert caller.caller.connection is not None
    caller.connection.close(world.now_us)
    world.run(SECOND)
    assert [question for question, _ in service.ends] == service.questions


def test_a_no_has_the_service_s_code_and_reason() -> None:
    world, service = hooked_world()
    caller = world.call("publish:cam1:hunter2")
    world.run(100 * MS)
    answer(world, service, HookVerdict(Denial(2401, "unpaid")))
    assert code(caller) == 2401
    assert world.endpoint.events.newest[-1].facts["why"] == "unpaid"
    assert service.ends == []
    assert service.questions[0].credential_sha256 is not None


def test_a_caller_whose_question_is_never_answered_gives_up() -> None:
    world, service = hooked_world()
    caller = world.call("cam1")
    world.run(4 * SECOND)
    assert isinstance(caller.caller.error, ConnectTimeoutError)
    assert len(service.questions) == 1
    assert world.endpoint.table.count == 0


def test_who_is_refused_here_is_not_asked_about() -> None:
    world, service = hooked_world(closed_directory())
    callers = [world.call(f"publish:cam2:{KEYS['cam1']}"), world.call("publish:cam1"), world.call("nowhere")]
    world.run(SECOND)
    assert [code(one) for one in callers] == [2403, 2401, 2404]
    assert service.questions == []


def test_a_closed_broker_lets_in_whom_both_let_in() -> None:
    world, service = hooked_world(closed_directory())
    caller = world.call(KEYS["cam1"])
    world.run(100 * MS)
    assert service.questions[0].key_id == 1
    answer(world, service, HookVerdict())
    assert caller.caller.connection is not None


def test_who_may_stay_for_some_seconds_is_let_go_after_them() -> None:
    world, service = hooked_world()
    caller = world.call("cam1")
    world.run(100 * MS)
    answer(world, service, HookVerdict(seconds=5))
    assert caller.connection.close_reason is None
    world.run(6 * SECOND)
    assert caller.connection.close_reason == "peer_shutdown"
    assert world.endpoint.ended_rights == {"time_over": 1}


def test_who_comes_back_within_its_seconds_gets_what_is_left_of_them_and_is_asked_about_then() -> None:
    world, service = hooked_world()
    first = world.call("cam1", HERE)
    world.run(100 * MS)
    answer(world, service, HookVerdict(seconds=5))
    world.run(3 * SECOND)
    first.connection.close(world.now_us)
    again = world.call("cam1", HERE)
    world.run(SECOND)
    assert again.connection.close_reason is None
    world.run(2 * SECOND)
    assert again.connection.close_reason == "peer_shutdown"
    assert len(service.questions) == 1
    late = world.call("cam1", HERE)
    world.run(500 * MS)
    assert late.caller.connection is None
    assert len(service.questions) == 2
    answer(world, service, HookVerdict(Denial(2401, "over")))
    assert code(late) == 2401


@pytest.mark.parametrize("now_us", [700_000, 1_200_000, 2_699_999])
def test_seconds_end_where_the_answer_put_them_and_never_sooner(now_us: int) -> None:
    service = Service()
    admissions = Admissions(OPEN_DIRECTORY, lambda: START_UNIX_US + now_us)
    admissions.desk = HookDesk(service, KEPT_US)
    ask, wanted = Ask(Verb.REQUEST, "cam1", None), AccessRequest("cam1", "request")
    assert admissions.decide(ask, wanted, HERE, 0) is None
    admissions.desk.handle_verdict(service.questions[0], HookVerdict(seconds=2), 700_000)
    admitted = admissions.decide(ask, wanted, HERE, now_us)
    assert isinstance(admitted, Admitted)
    assert admitted.grant.expires_unix_s == START_UNIX_US // SECOND + 3


def test_callers_beyond_what_can_be_asked_are_told_to_come_again() -> None:
    world, service = hooked_world()
    for _ in range(MAX_PENDING):
        world.call("cam1")
    world.run(500 * MS)
    assert len(service.questions) == MAX_PENDING
    caller = world.call("cam1")
    world.run(SECOND)
    assert code(caller) == 2402


def test_a_crowd_behind_one_address_comes_in_by_and_by_and_holds_nobody_else_up() -> None:
    world, service = hooked_world()
    crowd = [
        world.call(f"cam{number}", encode_sockaddr("10.9.0.1", 7000 + number))
        for number in range(MAX_PENDING_PER_HOST + 1)
    ]
    world.run(500 * MS)
    assert len(service.questions) == MAX_PENDING_PER_HOST
    other = world.call("cam1")
    world.run(500 * MS)
    assert len(service.questions) == MAX_PENDING_PER_HOST + 1
    answered = 0
    while answered < len(service.questions):
        answered += 1
        world.endpoint.handle_verdict(service.questions[answered - 1], HookVerdict(), world.now_us)
        world.run(10 * MS)
        if answered == MAX_PENDING_PER_HOST:
            world.run(300 * MS)
    world.run(500 * MS)
    assert all(one.caller.connection is not None for one in (*crowd, other))
