"""Who may publish, who may watch, and whose right has ended."""

from dataclasses import replace

import pytest

from headrace.access.ask import Ask, Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import OPEN_DIRECTORY, Directory, KeyEntry, TokenKey
from headrace.access.gate import Denial, Gate, Grant
from headrace.access.stream_keys import hash_stream_key, make_stream_key
from headrace.access.tokens import sign_token

NOW_S = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef"
TOKEN_KEY = TokenKey("studio", "headrace", "k1", "HS256", SECRET)
KEYS = {name: make_stream_key(name.encode().ljust(20)) for name in ("cam1", "secret", "removed")}
PUBLIC, UNLISTED = ChannelRule("cam1"), ChannelRule("hidden", Visibility.UNLISTED)
PRIVATE = ChannelRule("secret", Visibility.PRIVATE)


def directory(*, is_open: bool = False) -> Directory:
    entries = [KeyEntry(at, name, hash_stream_key(key)) for at, (name, key) in enumerate(KEYS.items())]
    return Directory.of(1, [PUBLIC, UNLISTED, PRIVATE], entries, [TOKEN_KEY], is_open=is_open)


CLOSED, OPEN = Gate(directory()), Gate(directory(is_open=True))


def token(channel_id: str = "secret", verb: Verb = Verb.REQUEST, seconds: int = 60) -> str:
    return sign_token(TOKEN_KEY, SECRET, channel_id, verb, expires_unix_s=NOW_S + seconds, token_id="t1")


def publish(gate: Gate, channel_id: str | None, credential: str | None = None) -> Grant | Denial:
    return gate.ask(Ask(Verb.PUBLISH, channel_id, credential), NOW_S)


def watch(gate: Gate, channel_id: str | None, credential: str | None = None) -> Grant | Denial:
    return gate.ask(Ask(Verb.REQUEST, channel_id, credential), NOW_S)


def code(answer: Grant | Denial) -> int | None:
    return answer.code if isinstance(answer, Denial) else None


def test_a_key_publishes_to_its_channel_named_or_not() -> None:
    assert publish(CLOSED, "cam1", KEYS["cam1"]) == Grant(Verb.PUBLISH, PUBLIC, key_id=0)
    assert publish(CLOSED, None, KEYS["cam1"]) == Grant(Verb.PUBLISH, PUBLIC, key_id=0)
    assert publish(CLOSED, None, KEYS["secret"]) == Grant(Verb.PUBLISH, PRIVATE, key_id=1)


@pytest.mark.parametrize(
    ("channel_id", "credential", "expected"),
    [
        ("cam1", None, 2401),
        ("cam1", make_stream_key(bytes(20)), 2401),
        ("cam1", "hunter2", 2401),
        ("cam1", KEYS["cam1"][:-1], 2401),
        (None, make_stream_key(bytes(20)), 2401),
        (None, None, 2401),
        ("secret", KEYS["cam1"], 2403),
        ("removed", KEYS["removed"], 2401),
        (None, KEYS["removed"], 2401),
    ],
)
def test_publishing_with_anything_else_is_refused(
    channel_id: str | None, credential: str | None, expected: int
) -> None:
    assert code(publish(CLOSED, channel_id, credential)) == expected


@pytest.mark.parametrize("credential", [None, "hunter2", make_stream_key(bytes(20)), KEYS["cam1"], "eyJ.e30.x"])
def test_who_cannot_publish_does_not_learn_which_channels_exist(credential: str | None) -> None:
    assert publish(CLOSED, "secret", credential) == publish(CLOSED, "no-such-channel", credential)


def test_everybody_watches_public_and_unlisted_channels_whatever_they_show() -> None:
    for credential in (None, "hunter2", token(seconds=-1), KEYS["cam1"]):
        assert watch(CLOSED, "cam1", credential) == Grant(Verb.REQUEST, PUBLIC)
        assert watch(CLOSED, "hidden", credential) == Grant(Verb.REQUEST, UNLISTED)


def test_a_channel_that_is_not_there_is_not_found() -> None:
    assert code(watch(CLOSED, "cam2")) == 2404
    assert code(watch(CLOSED, None, token("cam2"))) == 2404
    assert code(watch(CLOSED, None)) == 2400


def test_a_token_opens_a_private_channel_named_or_not() -> None:
    expected = Grant(Verb.REQUEST, PRIVATE, None, TOKEN_KEY, "t1", NOW_S + 60)
    assert watch(CLOSED, "secret", token()) == expected
    assert watch(CLOSED, None, token()) == expected


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (None, 2401),
        ("hunter2", 2401),
        (KEYS["secret"], 2401),
        (token(seconds=0), 2401),
        (token()[:-1] + ("A" if token()[-1] != "A" else "B"), 2401),
        (token("cam1"), 2403),
        (token(verb=Verb.PUBLISH), 2403),
    ],
)
def test_a_private_channel_is_watched_with_nothing_else(credential: str | None, expected: int) -> None:
    assert code(watch(CLOSED, "secret", credential)) == expected
    assert code(watch(OPEN, "secret", credential)) == expected


@pytest.mark.parametrize(
    ("credential", "expected"),
    [("hunter2", True), (token()[:-9] + "AAAAAAAAA", True), (token(seconds=0), False), (token("cam1"), False)],
)
def test_what_was_given_out_once_is_no_guess(credential: str, *, expected: bool) -> None:
    denial = watch(CLOSED, "secret", credential)
    assert isinstance(denial, Denial)
    assert denial.is_guess is expected


def test_a_token_may_let_somebody_publish() -> None:
    granted = publish(CLOSED, "cam1", token("cam1", Verb.PUBLISH))
    assert granted == Grant(Verb.PUBLISH, PUBLIC, None, TOKEN_KEY, "t1", NOW_S + 60)
    assert code(publish(CLOSED, "cam1", token("secret", Verb.PUBLISH))) == 2403
    assert code(publish(CLOSED, "cam1", token("cam1"))) == 2403
    assert code(publish(CLOSED, "cam2", token("cam2", Verb.PUBLISH))) == 2401


def test_where_no_key_for_tokens_is_set_a_token_opens_nothing() -> None:
    gate = Gate(replace(directory(), token_keys=()))
    assert code(watch(gate, "secret", token())) == 2401


def test_an_open_gate_lets_everybody_publish_and_watch_every_id() -> None:
    gate = Gate(OPEN_DIRECTORY)
    assert publish(gate, "any") == Grant(Verb.PUBLISH, ChannelRule("any"))
    assert publish(gate, "any", "hunter2") == Grant(Verb.PUBLISH, ChannelRule("any"))
    assert watch(gate, "other") == Grant(Verb.REQUEST, ChannelRule("other"))


def test_an_open_gate_keeps_the_rules_that_there_are() -> None:
    assert publish(OPEN, "secret") == Grant(Verb.PUBLISH, PRIVATE)
    assert publish(OPEN, None, KEYS["cam1"]) == Grant(Verb.PUBLISH, PUBLIC, key_id=0)
    assert publish(OPEN, "cam1", KEYS["secret"]) == Grant(Verb.PUBLISH, PUBLIC)
    assert code(publish(OPEN, None, make_stream_key(bytes(20)))) == 2401
    assert code(watch(OPEN, "secret")) == 2401


def test_no_denial_shows_what_came() -> None:
    for credential in (KEYS["cam1"], KEYS["removed"], make_stream_key(bytes(20)), "hunter2", token(seconds=-1)):
        for answer in (publish(CLOSED, "secret", credential), watch(CLOSED, "secret", credential)):
            assert credential not in repr(answer)
        assert credential not in repr(Ask(Verb.PUBLISH, "cam1", credential))


def granted(answer: Grant | Denial) -> Grant:
    assert isinstance(answer, Grant)
    return answer


def test_what_was_granted_holds_while_nothing_changes() -> None:
    later = Gate(replace(directory(), revision=2))
    for answer in (publish(CLOSED, None, KEYS["cam1"]), watch(CLOSED, "cam1"), watch(CLOSED, "secret", token())):
        assert later.ended(granted(answer), NOW_S + 59) is None


def test_a_token_ends_when_it_expires_and_not_before() -> None:
    grant = granted(watch(CLOSED, "secret", token(seconds=60)))
    assert CLOSED.ended(grant, NOW_S + 59) is None
    assert CLOSED.ended(grant, NOW_S + 60) == "token_expired"


def test_a_token_ends_with_the_key_that_signed_it() -> None:
    grant = granted(watch(CLOSED, "secret", token()))
    other = TokenKey("studio", "headrace", "k2", "HS256", SECRET)
    assert Gate(replace(directory(), token_keys=(other, TOKEN_KEY))).ended(grant, NOW_S) is None
    assert Gate(replace(directory(), token_keys=(other,))).ended(grant, NOW_S) == "token_key_removed"


def test_a_producer_ends_with_its_key() -> None:
    grant = granted(publish(CLOSED, None, KEYS["cam1"]))
    rules = [PUBLIC, ChannelRule("cam2")]
    assert Gate(Directory.of(2, rules)).ended(grant, NOW_S) == "key_revoked"
    moved = [KeyEntry(0, "cam2", hash_stream_key(KEYS["cam1"]))]
    assert Gate(Directory.of(2, rules, moved)).ended(grant, NOW_S) == "key_revoked"


def test_who_published_without_a_key_ends_when_the_gate_closes() -> None:
    grant = granted(publish(OPEN, "cam1"))
    assert OPEN.ended(grant, NOW_S) is None
    assert CLOSED.ended(grant, NOW_S) == "key_missing"


def test_everybody_ends_with_the_channel() -> None:
    without = Gate(replace(directory(), channels={"secret": PRIVATE}))
    for answer in (publish(CLOSED, None, KEYS["cam1"]), watch(CLOSED, "cam1")):
        assert without.ended(granted(answer), NOW_S) == "channel_removed"


def test_who_watches_without_a_token_ends_when_the_channel_becomes_private() -> None:
    closed = directory()
    private = Gate(replace(closed, channels={**closed.channels, "cam1": ChannelRule("cam1", Visibility.PRIVATE)}))
    assert private.ended(granted(watch(CLOSED, "cam1")), NOW_S) == "channel_private"
    assert private.ended(granted(publish(CLOSED, None, KEYS["cam1"])), NOW_S) is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (ChannelRule("cam1"), ChannelRule("cam1", passphrase="correct horse"), "encryption_changed"),
        (
            ChannelRule("cam1", passphrase="correct horse"),
            ChannelRule("cam1", passphrase="battery staple"),
            "encryption_changed",
        ),
        (
            ChannelRule("cam1", passphrase="correct horse", is_encryption_enforced=False),
            ChannelRule("cam1", passphrase="correct horse"),
            "encryption_changed",
        ),
        (
            ChannelRule("cam1", passphrase="correct horse"),
            ChannelRule("cam1", passphrase="correct horse", is_encryption_enforced=False),
            None,
        ),
        (ChannelRule("cam1", passphrase="correct horse"), ChannelRule("cam1"), None),
        (ChannelRule("cam1"), ChannelRule("cam1", Visibility.UNLISTED), None),
    ],
)
def test_who_may_not_have_the_passphrase_that_is_asked_for_now_ends(
    old: ChannelRule, new: ChannelRule, reason: str | None
) -> None:
    gate = Gate(Directory.of(2, [new]))
    assert gate.ended(Grant(Verb.REQUEST, old), NOW_S) == reason
