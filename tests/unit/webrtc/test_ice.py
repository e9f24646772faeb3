"""The lite agent: whose checks it answers, and where media goes."""

from random import Random

import pytest
from tests.support.rtc_peers import ELSEWHERE, MAX_AMPLIFICATION, OURS, THEIRS, THERE, check

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.base.sockaddr import encode_sockaddr
from headrace.webrtc.ice import (
    MAX_CHECKED_ADDRESSES,
    STICKY_US,
    IceAgent,
    IceCredentials,
    make_credentials,
    username_ufrag,
)
from headrace.webrtc.stun import AttributeType, MessageType, decode_error_code, decode_message, encode_message

NEW = IceCredentials("newufrag", "n" * 22)


def agent() -> IceAgent:
    return IceAgent(OURS, THEIRS, Random(5).randbytes)


def give(to: IceAgent, datagram: bytes, address: bytes = THERE, now_us: int = 0) -> list[bytes]:
    to.handle_datagram(datagram, address, now_us)
    return [answer for answer, _ in to.poll_datagrams()]


def reason(to: IceAgent, datagram: bytes) -> str:
    with pytest.raises(PacketError) as caught:
        give(to, datagram)
    assert to.poll_datagrams() == []
    return caught.value.reason


def test_credentials_have_the_characters_and_the_length_of_the_specification_and_show_no_password() -> None:
    made = make_credentials(Random(1).randbytes)
    assert (len(made.ufrag), len(made.pwd)) == (8, 32)
    assert all(one.isalnum() or one in "+/" for one in made.ufrag + made.pwd)
    assert made.pwd not in repr(made)


def test_the_first_name_in_a_username_is_ours() -> None:
    assert username_ufrag(b"ours:theirs") == "ours"
    assert username_ufrag(b"ours") == ""


def test_who_does_not_know_the_password_is_told_nothing() -> None:
    assert reason(agent(), check(key=b"guess")) == "ice_integrity"
    assert reason(agent(), check(to=NEW)) == "ice_username"
    unsealed = encode_message(1, bytes(12), [(AttributeType.USERNAME, f"{OURS.ufrag}:{THEIRS.ufrag}".encode())])
    assert reason(agent(), unsealed) == "ice_integrity"


@pytest.mark.parametrize("kind", [MessageType.INDICATION, MessageType.ERROR, 0x0003, 0x0101])
def test_what_is_no_check_is_dropped(kind: int) -> None:
    assert reason(agent(), encode_message(kind, bytes(12), [])) in {"ice_not_a_check", "ice_unknown_answer"}


def test_what_has_to_be_understood_and_is_not_is_named_in_the_answer() -> None:
    here = agent()
    (answer,) = give(here, check(more=((0x7001, b""), (0x7002, b""))))
    message = decode_message(answer)
    assert decode_error_code(message.attributes[AttributeType.ERROR_CODE]) == 420
    assert message.attributes[AttributeType.UNKNOWN_ATTRIBUTES] == bytes.fromhex("70017002")
    assert here.address is None


def test_a_peer_that_says_it_is_controlled_is_told_to_change() -> None:
    (answer,) = give(agent(), check(more=((AttributeType.ICE_CONTROLLED, bytes(8)),)))
    message = decode_message(answer)
    assert decode_error_code(message.attributes[AttributeType.ERROR_CODE]) == 487
    assert message.has_integrity(OURS.pwd.encode())


def test_a_path_that_is_named_comes_before_one_that_only_works() -> None:
    here = agent()
    give(here, check(names=False))
    assert (here.address, here.is_nominated) == (THERE, False)
    give(here, check(), ELSEWHERE)
    assert (here.address, here.is_nominated) == (ELSEWHERE, True)
    give(here, check(names=False))
    assert here.address == ELSEWHERE


def test_before_a_path_is_named_the_one_that_is_used_is_used() -> None:
    here = agent()
    give(here, check(names=False))
    give(here, check(names=False), ELSEWHERE)
    here.prefer(ELSEWHERE)
    assert here.address == ELSEWHERE
    give(here, check())
    here.prefer(ELSEWHERE)
    assert here.address == THERE
    with pytest.raises(LocalProtocolError):
        here.prefer(encode_sockaddr("10.0.0.9", 9))


def test_of_two_paths_that_are_named_again_and_again_the_better_one_stays() -> None:
    here = agent()
    for now_us in range(0, 10_000_000, 500_000):
        give(here, check(priority=200), THERE, now_us)
        give(here, check(priority=100), ELSEWHERE, now_us)
        assert here.address == THERE
    give(here, check(priority=100), ELSEWHERE, 9_500_000 + STICKY_US)
    assert here.address == ELSEWHERE


def answer_to(datagram: bytes, key: str = THEIRS.pwd) -> bytes:
    return encode_message(MessageType.SUCCESS, decode_message(datagram).transaction_id, [], key.encode())


def test_once_an_address_is_proved_another_one_is_used_when_it_has_answered_our_check() -> None:
    here = agent()
    give(here, check())
    here.note_proof(THERE)
    _, ours = give(here, check(), ELSEWHERE)
    asked = decode_message(ours)
    assert asked.attributes[AttributeType.USERNAME] == f"{THEIRS.ufrag}:{OURS.ufrag}".encode()
    assert asked.has_integrity(THEIRS.pwd.encode())
    assert here.address == THERE
    assert reason(here, answer_to(ours)) == "ice_unknown_answer"  # from THERE
    with pytest.raises(PacketError, match="ice_integrity"):
        give(here, answer_to(ours, "wrong"), ELSEWHERE)
    assert here.address == THERE
    assert give(here, answer_to(ours), ELSEWHERE) == []
    assert here.address == ELSEWHERE
    assert len(give(here, check(), THERE)) == 1  # is proved, so it can have it back at once
    assert here.address == THERE


def test_our_check_is_repeated_with_the_peers_until_it_is_answered() -> None:
    here = agent()
    give(here, check())
    here.note_proof(THERE)
    came = [give(here, check(), ELSEWHERE) for _ in range(30)]
    first = came[0][1]
    assert [answers[1:] for answers in came] == [[first]] * 30
    assert sum(len(one) for answers in came for one in answers) <= MAX_AMPLIFICATION * 30 * len(check())
    give(here, answer_to(first), ELSEWHERE)
    assert len(give(here, check(), ELSEWHERE)) == 1
    with pytest.raises(PacketError, match="ice_unknown_answer"):
        give(here, answer_to(first), ELSEWHERE)


def test_an_answer_without_a_transaction_is_no_proof() -> None:
    here = agent()
    give(here, check())
    empty = encode_message(MessageType.SUCCESS, bytes(12), [], THEIRS.pwd.encode())
    assert reason(here, empty) == "ice_unknown_answer"


def test_both_generations_are_answered_until_a_path_is_named_with_the_new_one() -> None:
    here = agent()
    give(here, check())
    here.restart(NEW, THEIRS)
    give(here, check(), THERE)
    give(here, check(to=NEW, names=False), ELSEWHERE)
    assert here.address == THERE
    give(here, check(to=NEW, priority=1), ELSEWHERE)
    assert here.address == ELSEWHERE
    assert reason(here, check()) == "ice_username"


def test_a_second_restart_forgets_the_first_credentials() -> None:
    here = agent()
    give(here, check())
    here.restart(NEW, THEIRS)
    here.restart(IceCredentials("third", "t" * 22), THEIRS)
    assert len(give(here, check(to=NEW))) == 1
    assert reason(here, check()) == "ice_username"


def test_paths_are_limited_and_the_one_in_use_is_kept() -> None:
    here = agent()
    give(here, check())
    others = [encode_sockaddr("10.0.1.1", port) for port in range(1, MAX_CHECKED_ADDRESSES + 1)]
    for number, address in enumerate(others):
        give(here, check(names=False), address, number + 1)
    assert here.has_checked(THERE)
    assert [here.has_checked(address) for address in others] == [False] + [True] * (MAX_CHECKED_ADDRESSES - 1)
