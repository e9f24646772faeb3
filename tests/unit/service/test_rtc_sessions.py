import pytest

from headrace.access.gate import NOT_FOUND, OVERLOAD
from headrace.base.sockaddr import encode_sockaddr
from headrace.service.rtc_config import RtcConfig
from headrace.service.rtc_sessions import KnownSession, RtcSessions
from headrace.web.gateway import GatewayRefusal
from headrace.webrtc.ice import IceCredentials

HERE = encode_sockaddr("192.0.2.1", 0)
THERE = encode_sockaddr("192.0.2.2", 0)


def watching(visitor_id: int) -> KnownSession:
    return KnownSession("A", IceCredentials("abcd", "p" * 22), "etag", "0", visitor_id)


def refusal(sessions: RtcSessions, address: bytes) -> GatewayRefusal:
    with pytest.raises(GatewayRefusal) as raised:
        sessions.check_room(address)
    return raised.value


def test_a_session_is_known_by_its_id_and_its_visitor_until_it_is_forgotten() -> None:
    sessions = RtcSessions(RtcConfig("127.0.0.1", 0))
    known = watching(7)
    sessions.add("one", known)
    assert sessions.get("one") is known
    assert sessions.of_visitor(7) == "one"
    assert list(sessions) == [("one", known)]
    assert sessions.forget("one") is known
    assert sessions.forget("one") is None
    assert sessions.of_visitor(7) is None
    with pytest.raises(GatewayRefusal) as raised:
        sessions.get("one")
    assert raised.value.code == NOT_FOUND


def test_sessions_may_be_forgotten_while_they_are_gone_through() -> None:
    sessions = RtcSessions(RtcConfig("127.0.0.1", 0))
    for number in range(3):
        sessions.add(str(number), watching(number))
    for session_id, _ in sessions:
        sessions.forget(session_id)
    assert list(sessions) == []


def test_no_more_sessions_are_let_in_than_there_may_be_until_one_has_gone() -> None:
    sessions = RtcSessions(RtcConfig("127.0.0.1", 0, max_sessions=1))
    sessions.check_room(HERE)
    sessions.add("one", watching(1))
    assert refusal(sessions, HERE).code == OVERLOAD
    sessions.forget("one")
    sessions.check_room(HERE)


def test_those_whose_connection_is_not_there_yet_are_counted_for_each_host_and_in_all() -> None:
    sessions = RtcSessions(RtcConfig("127.0.0.1", 0, max_half_open=2, max_half_open_per_host=1))
    for session_id, address in ("one", HERE), ("two", THERE):
        sessions.check_room(address)
        sessions.add(session_id, watching(address[7]))
        sessions.note_half_open(session_id, address)
        assert "connection" in refusal(sessions, address).why
    sessions.note_connected("one")
    sessions.check_room(HERE)
    assert "connection" in refusal(sessions, THERE).why
    sessions.forget("two")
    sessions.check_room(THERE)


def test_one_that_has_gone_before_its_answer_was_made_is_not_waited_for() -> None:
    sessions = RtcSessions(RtcConfig("127.0.0.1", 0, max_half_open=1))
    sessions.note_half_open("gone", HERE)
    sessions.check_room(HERE)
