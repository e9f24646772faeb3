"""Who is inside without an SRT connection."""

from tests.support.access import PRIVATE, TOKEN_KEY, closed_directory, without_channel

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule
from headrace.access.gate import OVERLOAD, Denial, Grant
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.admissions import Admissions, Admitted
from headrace.endpoints.visitors import Visitors
from headrace.hub.crowd import Crowd
from headrace.srt.stream_id import AccessRequest

HERE = encode_sockaddr("10.1.0.1", 0)


CAM1 = ChannelRule("cam1")


def admitted(rule: ChannelRule = CAM1, **grant: object) -> Admitted:
    return Admitted(AccessRequest(rule.channel_id), Grant(Verb.REQUEST, rule, **grant))  # type: ignore[arg-type]


def enter(visitors: Visitors, what: Admitted, *, subscribers: int = 0) -> int:
    visitor_id = visitors.enter(what, HERE, subscribers, 0)
    assert isinstance(visitor_id, int)
    return visitor_id


def test_each_counts_in_its_channel_and_of_its_host_until_it_leaves() -> None:
    crowd = Crowd(10, 2)
    visitors = Visitors(Admissions(None), crowd, 10)
    inside = [enter(visitors, admitted()) for _ in range(2)]
    assert (len(visitors), visitors.watching("cam1"), len(crowd)) == (2, 2, 2)
    assert visitors.enter(admitted(), HERE, 0, 0) == Denial(OVERLOAD, "too many connections of host")
    visitors.leave(inside[0], 0)
    visitors.leave(inside[0], 0)
    assert (len(visitors), visitors.watching("cam1"), len(crowd)) == (1, 1, 1)
    visitors.leave(inside[1], 0)
    assert (len(visitors), visitors.watching("cam1"), len(crowd)) == (0, 0, 0)


def test_a_channel_has_room_for_so_many_who_watch_by_whatever_means() -> None:
    visitors = Visitors(Admissions(None), Crowd(), 3)
    enter(visitors, admitted(), subscribers=2)
    assert isinstance(visitors.enter(admitted(), HERE, 2, 0), Denial)
    enter(visitors, admitted(ChannelRule("cam2")), subscribers=2)
    assert visitors.limits_reached == {"subscribers_of_channel": 1}


def test_what_each_holds_is_looked_at_when_something_changes() -> None:
    admissions = Admissions(closed_directory(), lambda: 0)
    visitors = Visitors(admissions, Crowd(), 10)
    first, second = enter(visitors, admitted()), enter(visitors, admitted(PRIVATE, token_key=TOKEN_KEY))
    admissions.use(without_channel(closed_directory(), "cam1"), [])
    assert admissions.end_held() == {first: "channel_removed"}
    admissions.use(without_channel(closed_directory(), "private"), [])
    assert admissions.end_held() == {second: "channel_removed"}


def test_who_has_to_go_is_told_once_it_is_known() -> None:
    visitors = Visitors(Admissions(None), Crowd(), 10)
    told: list[tuple[int, str]] = []
    visitors.on_ended = lambda visitor_id, reason: told.append((visitor_id, reason))
    visitor_id = enter(visitors, admitted())
    visitors.end(visitor_id, "token_expired")
    visitors.leave(visitor_id, 0)
    visitors.end(visitor_id, "token_expired")
    assert told == [(visitor_id, "token_expired")]


def test_who_has_to_go_and_has_not_can_be_told_again() -> None:
    visitors = Visitors(Admissions(None), Crowd(), 10)
    told: list[tuple[int, str]] = []
    visitors.on_ended = lambda visitor_id, reason: told.append((visitor_id, reason))
    one, other = enter(visitors, admitted()), enter(visitors, admitted())
    visitors.end(one, "token_expired")
    for visitor_id in (one, other):
        visitors.remind(visitor_id)
    assert told == [(one, "token_expired")] * 2
    visitors.leave(one, 0)
    visitors.remind(one)
    assert len(told) == 2
