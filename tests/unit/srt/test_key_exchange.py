"""A sender that changes its key, and a receiver that follows."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE, Capture

from headrace.base.errors import PacketError
from headrace.srt.key_exchange import (
    DEFAULT_KEY_REFRESH,
    KMREQ,
    KMRSP,
    MAX_REPEAT_US,
    MAX_SEALED_PACKETS,
    MIN_REPEAT_US,
    UNWRAPS_AT_ONCE,
    UNWRAPS_PER_SECOND,
    KeyRefresh,
    OpeningKeys,
    SealingKeys,
)
from headrace.srt.key_material import (
    decode_key_material,
    encode_key_material,
    make_keys,
    unwrap_keys,
    unwrap_with_kek,
    wrap_keys,
)
from headrace.srt.packet import Control, ControlType
from headrace.srt.session_keys import KeySource, Parity, SessionKeys

SOON = KeyRefresh(period_packets=100, announce_packets=10)
RTT_US = 40_000
KEYS = make_keys(PASSPHRASE, 16, KeySource(bytes(32)))


def sealing(refresh: KeyRefresh = SOON, keys: SessionKeys = KEYS) -> SealingKeys:
    return SealingKeys(keys, KeySource(b"s" * 32), refresh)


def announced(sender: SealingKeys, now_us: int = 0) -> bytes:
    """Return the announcement that is to be sent now."""
    sender.note_sealed(90, now_us, RTT_US)
    (control,) = sender.poll_controls()
    assert (control.control_type, control.info, control.subtype) == (ControlType.USER_DEFINED, 0, KMREQ)
    return control.body


def test_the_defaults_are_libsrt_s() -> None:
    assert (DEFAULT_KEY_REFRESH.period_packets, DEFAULT_KEY_REFRESH.announce_packets) == (2**24, 2**12)


@pytest.mark.parametrize(("period", "lead"), [(100, 0), (100, 100), (MAX_SEALED_PACKETS, 1), (0, 0)])
def test_a_refresh_that_cannot_work_is_an_error(period: int, lead: int) -> None:
    with pytest.raises(ValueError, match="a key is announced"):
        KeyRefresh(period, lead)


def test_a_sender_begins_with_the_key_of_the_handshake_whatever_its_parity() -> None:
    assert (sealing().key, sealing().parity) == (KEYS.even, Parity.EVEN)
    odd = replace(KEYS, even=None, odd=KEYS.even)
    assert (sealing(keys=odd).key, sealing(keys=odd).parity) == (KEYS.even, Parity.ODD)


def test_nothing_is_announced_before_it_is_time() -> None:
    sender = sealing()
    sender.note_sealed(89, 0, RTT_US)
    assert (sender.poll_controls(), sender.poll_timer()) == ([], None)


@pytest.mark.parametrize("key_length_bytes", [16, 24, 32])
def test_the_next_key_alone_is_announced_with_the_other_parity_and_the_same_salt(key_length_bytes: int) -> None:
    keys = make_keys(PASSPHRASE, key_length_bytes, KeySource(bytes(32)))
    sender = sealing(keys=keys)
    found = unwrap_with_kek(decode_key_material(announced(sender)), keys.kek)
    assert (found.even, found.salt) == (None, keys.salt)
    assert found.odd not in (None, keys.even)
    assert len(found.odd or b"") == key_length_bytes
    assert (sender.key, sender.parity) == (keys.even, Parity.EVEN)


def test_an_answered_key_is_taken_when_its_time_has_come_and_not_before() -> None:
    sender = sealing()
    body = announced(sender)
    found = unwrap_with_kek(decode_key_material(body), KEYS.kek)
    sender.handle_answer(body)
    assert sender.poll_timer() is None
    sender.note_sealed(9, 0, RTT_US)
    assert (sender.parity, sender.key) == (Parity.EVEN, KEYS.even)
    sender.note_sealed(1, 0, RTT_US)
    assert (sender.parity, sender.key) == (Parity.ODD, found.odd)


def test_the_key_after_the_next_has_the_first_parity_again_and_is_another_one() -> None:
    sender = sealing()
    sender.handle_answer(announced(sender))
    sender.note_sealed(10, 0, RTT_US)
    second = announced(sender)
    sender.handle_answer(second)
    sender.note_sealed(10, 0, RTT_US)
    assert sender.parity is Parity.EVEN
    assert sender.key == unwrap_with_kek(decode_key_material(second), KEYS.kek).even != KEYS.even


def test_an_unanswered_announcement_is_repeated_each_time_later_and_a_second_at_most() -> None:
    sender = sealing()
    body, sent_us = announced(sender, 5_000), [5_000]
    for _ in range(8):
        due_us = sender.poll_timer()
        assert due_us is not None
        sender.handle_timer(due_us - 1)
        assert sender.poll_controls() == []
        sender.handle_timer(due_us)
        assert sender.poll_controls() == [Control(ControlType.USER_DEFINED, 0, body, KMREQ)]
        sent_us.append(due_us)
    waits_us = [later - earlier for earlier, later in pairwise(sent_us)]
    assert waits_us == [60_000 << count for count in range(5)] + [MAX_REPEAT_US] * 3


def test_a_tiny_round_trip_does_not_make_a_flood() -> None:
    sender = sealing()
    sender.note_sealed(90, 0, 10)
    assert sender.poll_timer() == MIN_REPEAT_US


def test_without_an_answer_the_key_in_use_stays_until_sequence_numbers_would_come_again() -> None:
    sender = sealing()
    announced(sender)
    sender.note_sealed(MAX_SEALED_PACKETS - 91, 0, RTT_US)
    assert sender.key == KEYS.even
    sender.note_sealed(1, 0, RTT_US)
    assert sender.parity is Parity.ODD
    assert sender.poll_timer() is None


def test_an_answer_that_is_not_the_echo_is_dropped_under_its_name() -> None:
    sender = sealing()
    body = announced(sender)
    with pytest.raises(PacketError) as raised:
        sender.handle_answer(body[:-1])
    assert raised.value.reason == "key_answer_mismatch"
    assert sender.poll_timer() is not None


def test_an_answer_that_comes_twice_changes_nothing() -> None:
    sender = sealing()
    first = announced(sender)
    sender.handle_answer(first)
    sender.handle_answer(first)
    sender.note_sealed(10, 0, RTT_US)
    second = announced(sender)
    sender.handle_answer(first)
    assert sender.poll_timer() is not None
    sender.handle_answer(second)
    assert sender.poll_timer() is None


def test_a_receiver_confirms_with_the_exact_echo_and_opens_both_parities() -> None:
    sender, receiver = sealing(), OpeningKeys(KEYS)
    first = sender.seal(7, b"before")
    body = announced(sender)
    answer = receiver.handle_request(body, 0)
    assert answer == Control(ControlType.USER_DEFINED, 0, body, KMRSP)
    sender.handle_answer(answer.body)
    sender.note_sealed(10, 0, RTT_US)
    second = sender.seal(8, b"after")
    assert receiver.cipher(Parity.EVEN).apply(7, first) == b"before"
    assert receiver.cipher(Parity.ODD).apply(8, second) == b"after"


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
def test_a_receiver_takes_what_libsrt_announces_both_keys_in_one(capture: Capture) -> None:
    receiver = OpeningKeys(unwrap_keys(decode_key_material(capture.handshake_key_material), PASSPHRASE))
    receiver.handle_request(capture.refresh_key_material, 0)
    for packet in capture.packets:
        assert receiver.cipher(packet.parity).apply(packet.seqno, packet.head) == bytes([packet.filling]) * 32


def test_a_packet_without_a_key_for_it_is_dropped_under_a_name() -> None:
    receiver = OpeningKeys(KEYS)
    for parity, reason in ((0, "clear_on_secured_link"), (Parity.ODD, "no_such_key"), (3, "no_such_key")):
        with pytest.raises(PacketError) as raised:
            receiver.cipher(parity)
        assert raised.value.reason == reason


def test_an_announcement_that_comes_late_brings_no_old_key_back() -> None:
    sender, receiver = sealing(), OpeningKeys(KEYS)
    bodies = []
    for turn in range(3):
        body = announced(sender)
        assert receiver.handle_request(body, turn).body == body
        sender.handle_answer(body)
        sender.note_sealed(10, 0, RTT_US)
        bodies.append(body)
    newest = receiver.keys
    assert receiver.handle_request(bodies[0], 10**9).body == bodies[0]
    assert receiver.keys == newest
    assert newest.odd == sender.key


def refusal(body: bytes, *, now_us: int = 10**9, receiver: OpeningKeys | None = None) -> str:
    receiver = receiver or OpeningKeys(KEYS)
    before = receiver.keys
    with pytest.raises(PacketError) as raised:
        receiver.handle_request(body, now_us)
    assert receiver.keys is before
    return raised.value.reason


def request(**changes: bytes | None) -> bytes:
    return encode_key_material(wrap_keys(replace(KEYS, even=None, odd=b"o" * 16, **changes)))  # type: ignore[arg-type]


def test_a_request_that_a_real_sender_does_not_make_changes_nothing() -> None:
    longer = make_keys(PASSPHRASE, 32, KeySource(bytes(32)))
    assert refusal(b"") == "short_key_material"
    assert refusal(request(salt=bytes(16))) == "key_material_changed"
    assert refusal(encode_key_material(wrap_keys(replace(longer, salt=KEYS.salt)))) == "key_material_changed"
    assert refusal(request(kek=b"k" * 16)) == "key_material_bad_secret"
    gcm = request()
    assert refusal(gcm[:8] + b"\4\1" + gcm[10:]) == "key_material_cipher"


def test_unwrapping_is_done_so_often_and_not_more() -> None:
    receiver = OpeningKeys(KEYS)
    for number in range(UNWRAPS_AT_ONCE):
        assert refusal(request(kek=bytes([number]) * 16), now_us=0, receiver=receiver) == "key_material_bad_secret"
    interval_us = 1_000_000 // UNWRAPS_PER_SECOND
    assert refusal(request(), now_us=interval_us - 1, receiver=receiver) == "key_material_too_often"
    assert receiver.handle_request(request(), interval_us).subtype == KMRSP
    assert receiver.handle_request(request(), interval_us + 1).subtype == KMRSP


def test_a_sender_that_was_held_up_announces_several_keys_at_once() -> None:
    sender, receiver = sealing(), OpeningKeys(KEYS)
    for _ in range(5):
        body = announced(sender)
        receiver.handle_request(body, 0)
        sender.handle_answer(body)
        sender.note_sealed(10, 0, RTT_US)
    assert sender.key in {receiver.keys.even, receiver.keys.odd}
