"""What every session has."""

from tests.support.rtc_stage import Stage


def test_each_session_has_a_number_of_its_own_and_is_open_until_its_peer_is_not() -> None:
    stage = Stage()
    one, other = stage.browser().session, stage.joined().session
    assert one.number != other.number
    assert one.is_open
    assert other.is_open
    assert (one.is_connected, other.is_connected) == (False, True)
    other.peer.close(stage.now_us)
    assert not other.is_open
