"""Who has the passphrase gets in, and who guesses it waits longer and longer."""

from dataclasses import replace

import pytest
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE
from tests.support.srt_datagrams import THERE

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule
from headrace.access.gate import Denial, Grant
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.passphrase_checks import PassphraseChecks
from headrace.hub.failed_attempts import FREE_FAILURES, MAX_WAIT_US
from headrace.srt.handshake import Handshake, HandshakeType
from headrace.srt.listener import ConnectionRequest
from headrace.srt.session_keys import SessionKeys

SECRET, OTHER = ChannelRule("cam1", passphrase="not that one"), ChannelRule("cam2", passphrase="not that one")
RIGHT, PUBLIC = ChannelRule("cam1", passphrase=PASSPHRASE), ChannelRule("cam1")
ASKED = Handshake(
    5, 2, 3, 77, 1500, 8192, HandshakeType.CONCLUSION, 7, key_material=CAPTURES[0].handshake_key_material
)


def code(
    checks: PassphraseChecks,
    rule: ChannelRule | Grant,
    now_us: int = 0,
    address: bytes = THERE,
    *,
    is_clear: bool = False,
) -> int:
    """Return the code of the refusal, 0 where there is none."""
    asked = replace(ASKED, key_material=None) if is_clear else ASKED
    grant = Grant(Verb.REQUEST, rule) if isinstance(rule, ChannelRule) else rule
    answer = checks.agree(ConnectionRequest(address, 0, asked), grant, now_us)
    return answer.code if isinstance(answer, Denial) else 0


def guessed(times: int) -> PassphraseChecks:
    checks = PassphraseChecks()
    for _ in range(times):
        code(checks, SECRET)
    return checks


def test_the_right_passphrase_makes_keys_and_a_wrong_one_is_refused_with_its_code() -> None:
    checks = PassphraseChecks()
    assert isinstance(checks.agree(ConnectionRequest(THERE, 0, ASKED), Grant(Verb.REQUEST, RIGHT), 0), SessionKeys)
    assert code(checks, SECRET) == 1010
    assert code(checks, SECRET, is_clear=True) == 1011
    assert code(checks, PUBLIC) == 1011
    assert code(checks, PUBLIC, is_clear=True) == 0


@pytest.mark.parametrize(("failures", "expected"), [(FREE_FAILURES, 1010), (FREE_FAILURES + 1, 2402)])
def test_who_guesses_is_not_looked_at_after_some_wrong_ones(failures: int, expected: int) -> None:
    assert code(guessed(failures), SECRET) == expected


def test_a_guesser_gets_one_guess_a_minute_in_the_end() -> None:
    checks = PassphraseChecks()
    looked_at = sum(code(checks, SECRET, second * 1_000_000) == 1010 for second in range(3600))
    assert looked_at <= 3600 * 1_000_000 // MAX_WAIT_US + 12
    assert checks.told_to_wait == 3600 - looked_at


def test_neither_other_channels_nor_other_hosts_nor_who_watches_in_the_clear_wait() -> None:
    checks = guessed(50)
    assert code(checks, OTHER) == 1010
    assert code(checks, SECRET, address=encode_sockaddr("10.3.3.3", 1)) == 1010
    assert code(checks, PUBLIC, is_clear=True) == 0


def test_who_has_it_right_after_the_wait_heals_its_host() -> None:
    checks = guessed(FREE_FAILURES + 1)
    assert code(checks, RIGHT, 999_999) == 2402
    assert code(checks, RIGHT, 1_000_000) == 0
    assert code(checks, SECRET, 1_000_000) == 1010


def test_an_encoder_in_a_loop_holds_up_neither_who_watches_nor_who_has_another_key_or_token() -> None:
    checks = PassphraseChecks()
    encoder = Grant(Verb.PUBLISH, SECRET, key_id=1)
    codes = [code(checks, encoder) for _ in range(FREE_FAILURES + 2)]
    assert codes[-1] == 2402
    assert code(checks, Grant(Verb.PUBLISH, RIGHT, key_id=2)) == 0
    assert code(checks, Grant(Verb.REQUEST, RIGHT)) == 0
    assert code(checks, Grant(Verb.REQUEST, RIGHT, token_id="viewer 7")) == 0
