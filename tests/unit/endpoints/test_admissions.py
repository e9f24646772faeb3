"""Requests become grants, and grants end."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.support.access import KEYS, closed_directory, token
from tests.support.broker_world import SECOND, START_UNIX_US
from tests.support.srt_datagrams import THERE

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import OPEN_DIRECTORY
from headrace.access.gate import Denial, Grant
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.admissions import SWEEP_INTERVAL_US, VOUCHER_US, Admissions, Admitted
from headrace.hub.failed_attempts import FIRST_WAIT_US, FREE_FAILURES, FREE_THINGS
from headrace.srt.handshake import Handshake
from headrace.srt.listener import ConnectionRequest
from headrace.srt.stream_id import AccessRequest

HANDSHAKE = Handshake(5, 0, 1, 1, 1500, 8192, 0xFFFF_FFFF, 7)


class WallClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.unix_us = START_UNIX_US

    def __call__(self) -> int:
        return self.unix_us


def request_of(stream_id: str) -> ConnectionRequest:
    return ConnectionRequest(THERE, 0, replace(HANDSHAKE, stream_id=stream_id))


def admitted_of(admissions: Admissions, stream_id: str) -> Admitted:
    admitted = admissions.ask(request_of(stream_id), 0)
    assert isinstance(admitted, Admitted), admitted
    return admitted


def test_a_request_becomes_what_was_wanted_and_what_was_granted() -> None:
    admissions = Admissions(closed_directory())
    assert admissions.ask(request_of(f"#!::r=cam1,m=publish,takeover=1,k={KEYS['cam1']}"), 0) == Admitted(
        AccessRequest("cam1", "publish", extra={"takeover": "1"}, credential=KEYS["cam1"]),
        Grant(Verb.PUBLISH, ChannelRule("cam1"), key_id=1),
    )


def test_an_open_directory_admits_everybody() -> None:
    admissions = Admissions(OPEN_DIRECTORY)
    assert admitted_of(admissions, "publish:any").grant.verb is Verb.PUBLISH
    assert admitted_of(admissions, "any").grant.verb is Verb.REQUEST


def test_nobody_gets_an_answer_while_nothing_is_known() -> None:
    admissions = Admissions(None)
    assert admissions.ask(request_of("cam1"), 0) is None
    assert admissions.end_held() == {}
    assert admissions.use(closed_directory(), ["cam1"]) == {}
    assert admissions.ask(request_of("cam1"), 0) is not None


@pytest.mark.parametrize(
    ("stream_id", "expected"),
    [
        ("#!::r", Denial(2400, "stream_id_key_without_value")),
        ("#!::m=hunter2", Denial(2400, "stream_id_bad_mode")),
        ("#!::r=a,m=bidirectional", Denial(2405, "mode is publish or request")),
        (
            "%23!::r%3Dcam1",
            Denial(2400, "the stream id is percent-encoded, which nothing here decodes: give it as it is"),
        ),
        (
            "cam1?password=hunter2",
            Denial(
                2400,
                "the stream id names no channel id: letters, digits and . _ ~ - only, a letter or digit first",
            ),
        ),
    ],
)
def test_a_stream_id_that_asks_for_nothing_is_denied_without_showing_it(stream_id: str, expected: Denial) -> None:
    assert Admissions(OPEN_DIRECTORY).ask(request_of(stream_id), 0) == expected


def test_only_what_can_end_is_remembered_and_forgotten_with_its_connection() -> None:
    admissions = Admissions(closed_directory(), WallClock())
    for socket_id, stream_id in enumerate((KEYS["cam1"], "cam1", f"request:private:{token()}")):
        admissions.enter(socket_id, admitted_of(admissions, stream_id), 0)
    assert [admissions.is_without_grant(socket_id) for socket_id in range(3)] == [False, True, False]
    for socket_id in range(3):
        admissions.leave(socket_id, 0)
    assert admissions.is_without_grant(0)
    assert admissions.handle_timer(SWEEP_INTERVAL_US) == {}
    assert admissions.poll_timer() is None


def test_grants_with_an_end_are_looked_at_once_a_second() -> None:
    clock = WallClock()
    admissions = Admissions(closed_directory(), clock)
    admissions.enter(1, admitted_of(admissions, KEYS["cam1"]), 0)
    assert admissions.poll_timer() is None
    admissions.enter(2, admitted_of(admissions, f"request:private:{token(seconds=3)}"), 5)
    assert admissions.poll_timer() == SWEEP_INTERVAL_US + 5
    clock.unix_us += 3 * SECOND
    assert admissions.handle_timer(SWEEP_INTERVAL_US + 4) == {}
    assert admissions.handle_timer(SWEEP_INTERVAL_US + 5) == {2: "token_expired"}
    assert admissions.handle_timer(2 * SWEEP_INTERVAL_US + 5) == {}
    assert admissions.poll_timer() is None


def test_a_new_directory_tells_whose_channels_are_closed_and_whose_keys_are_gone() -> None:
    admissions = Admissions(closed_directory())
    for socket_id, name in enumerate(KEYS):
        admissions.enter(socket_id, admitted_of(admissions, KEYS[name]), 0)
    after = closed_directory(ChannelRule("cam2", Visibility.PRIVATE), keys=("cam2", "private"))
    assert admissions.use(after, ["cam1", "cam2", "private"]) == {"cam2": "channel_private"}
    assert admissions.end_held() == {0: "key_revoked"}
    assert admissions.end_held() == {}


def ask_from(admissions: Admissions, host: str, stream_id: str, now_us: int = 0) -> int:
    """Return the code of the denial, 0 where there is none."""
    request = replace(request_of(stream_id), address=encode_sockaddr(host, 5000))
    answer = admissions.ask(request, now_us)
    return answer.code if isinstance(answer, Denial) else 0


WRONG_KEY = f"publish:cam1:{KEYS['cam1'][:-4]}aaaa"


def test_who_fails_with_the_same_key_again_and_again_is_told_to_wait_longer_and_longer() -> None:
    admissions = Admissions(closed_directory())
    codes = [ask_from(admissions, "10.0.0.1", WRONG_KEY, number * SECOND // 10) for number in range(200)]
    assert codes[: FREE_FAILURES + 1] == [2401] * (FREE_FAILURES + 1)
    assert codes[FREE_FAILURES + 1] == 2402
    looked_at = [number for number, code in enumerate(codes) if code == 2401]
    waits = [later - earlier for earlier, later in pairwise(looked_at[FREE_FAILURES:])]
    assert waits == [10, 20, 40, 80][: len(waits)]
    assert len(waits) == 4


def test_behind_the_same_address_others_are_let_in_meanwhile() -> None:
    admissions = Admissions(closed_directory())
    for _ in range(50):
        ask_from(admissions, "10.0.0.1", WRONG_KEY)
    assert ask_from(admissions, "10.0.0.1", WRONG_KEY) == 2402
    assert ask_from(admissions, "10.0.0.1", "cam1") == 0
    assert ask_from(admissions, "10.0.0.1", f"publish:cam1:{KEYS['cam1']}") == 0
    assert ask_from(admissions, "10.0.0.2", WRONG_KEY) == 2401


def test_who_guesses_is_told_to_wait_whatever_it_tries_next_and_may_watch_what_is_public() -> None:
    admissions = Admissions(closed_directory())
    codes = [
        ask_from(admissions, "10.0.0.1", f"publish:cam1:guess{number:04}") for number in range(FREE_THINGS + 2)
    ]
    assert codes == [2401] * (FREE_THINGS + 1) + [2402]
    assert ask_from(admissions, "10.0.0.1", "cam1") == 0
    assert ask_from(admissions, "10.0.0.1", f"publish:cam1:{KEYS['cam1']}") == 2402
    later_us = FIRST_WAIT_US
    assert ask_from(admissions, "10.0.0.1", f"publish:cam1:{KEYS['cam1']}", later_us) == 0
    assert ask_from(admissions, "10.0.0.1", "publish:cam1:guess", later_us) == 2401


def test_the_word_to_wait_says_how_long_and_shows_no_key() -> None:
    admissions = Admissions(closed_directory())
    for _ in range(FREE_FAILURES + 1):
        ask_from(admissions, "10.0.0.2", WRONG_KEY)
    request = replace(request_of(WRONG_KEY), address=encode_sockaddr("10.0.0.2", 1))
    assert admissions.ask(request, 0) == Denial(2402, "too many failed attempts from this address: wait 1 s")


def test_a_crowd_whose_tokens_have_expired_does_not_hold_up_who_has_a_new_one_behind_the_same_address() -> None:
    admissions = Admissions(closed_directory(), WallClock())
    for viewer in range(200):
        assert ask_from(admissions, "10.0.0.1", f"request:private:{token(seconds=-1 - viewer)}") == 2401
    for viewer in range(20):
        assert ask_from(admissions, "10.0.0.1", f"request:cam2:{token(seconds=60 + viewer)}") == 0
        assert ask_from(admissions, "10.0.0.1", f"publish:cam2:{token(seconds=60 + viewer)}") == 2403
    assert ask_from(admissions, "10.0.0.1", f"request:private:{token(seconds=7200)}") == 0


def test_what_is_public_is_watched_whatever_is_shown_and_heals_nobody_who_guesses() -> None:
    admissions = Admissions(closed_directory())
    codes = [0]
    for number in range(FREE_THINGS + 2):
        codes.append(ask_from(admissions, "10.0.0.1", f"publish:cam1:guess{number:04}"))
        assert ask_from(admissions, "10.0.0.1", f"request:cam1:whatever{number}") == 0
    assert codes[-1] == 2402


def test_who_shows_a_voucher_is_let_in_as_was_decided_for_as_long_as_that_holds() -> None:
    admissions = Admissions(closed_directory(), lambda: 0)
    decided = admissions.ask(request_of(f"#!::r=cam1,m=publish,k={KEYS['cam1']}"), 0)
    assert isinstance(decided, Admitted)
    admissions.vouch(decided, "voucher", 0)
    shown = request_of("#!::r=cam1,m=publish,k=voucher")
    assert admissions.ask(shown, VOUCHER_US - 1) is decided
    assert isinstance(admissions.ask(shown, VOUCHER_US), Denial)
    admissions.vouch(decided, "other", VOUCHER_US)
    assert isinstance(admissions.ask(shown, 0), Denial)
