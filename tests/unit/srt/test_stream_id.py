"""Stream ids: their bytes on the wire and what they ask for."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.base.errors import PacketError
from headrace.srt.stream_id import (
    MAX_STREAM_ID_BYTES,
    AccessRequest,
    decode_stream_id_words,
    encode_stream_id_words,
    format_stream_id,
    is_secret,
    parse_stream_id,
    redact_stream_id,
)

KEY = "hrk_" + "abcd2345" * 4
TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "eyJjIjoiYSJ9" * 20 + "." + "s_g-" * 11


def test_each_word_is_reversed_and_the_last_is_padded() -> None:
    assert encode_stream_id_words("abcdef") == b"dcba" + b"\0\0fe"
    assert decode_stream_id_words(b"dcba\0\0fe") == "abcdef"


def test_a_text_of_whole_words_has_no_padding() -> None:
    assert encode_stream_id_words("abcd") == b"dcba"
    assert encode_stream_id_words("") == b""


def test_text_is_utf_8() -> None:
    assert decode_stream_id_words(encode_stream_id_words("Wasserfälle")) == "Wasserfälle"


def test_512_bytes_fit_and_513_do_not() -> None:
    assert len(encode_stream_id_words("x" * MAX_STREAM_ID_BYTES)) == 512
    with pytest.raises(ValueError, match="at most 512 bytes, this one has 513"):
        encode_stream_id_words("x" * 513)
    assert decode_stream_id_words(b"x" * 512) == "x" * 512


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * 516, "stream_id_too_long"),
        (b"abcde", "stream_id_not_words"),
        (b"\xff\xff\xff\xff", "stream_id_not_utf8"),
    ],
)
def test_malformed_bytes_say_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_stream_id_words(body)
    assert error.value.reason == reason


def test_access_control_syntax_is_understood() -> None:
    request = parse_stream_id("#!::r=cam1,m=publish,u=ann,s=7f,k=secret,standby=1")
    assert request == AccessRequest("cam1", "publish", "ann", "7f", {"standby": "1"}, "secret")


def test_a_missing_mode_means_receiving() -> None:
    assert parse_stream_id("#!::r=cam1") == AccessRequest("cam1")
    assert parse_stream_id("#!::") == AccessRequest("")
    assert parse_stream_id("") == AccessRequest("")


def test_spaces_and_empty_items_are_skipped() -> None:
    assert parse_stream_id("#!::r = cam1 ,, m=request,") == AccessRequest("cam1")


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_stream_id("#!::r=a=b").resource == "a=b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cam1", AccessRequest("cam1")),
        ("publish:cam1", AccessRequest("cam1", "publish")),
        ("request:cam1", AccessRequest("cam1")),
        ("read:cam1", AccessRequest("cam1")),
        ("studio:cam1", AccessRequest("studio:cam1")),
        ("publish", AccessRequest("publish")),
        ("publish:cam1:secret", AccessRequest("cam1", "publish", credential="secret")),
        ("publish:cam1:a:b", AccessRequest("cam1", "publish", credential="a:b")),
        ("publish:cam1:", AccessRequest("cam1", "publish")),
        (f"request:cam1:{TOKEN}", AccessRequest("cam1", credential=TOKEN)),
        (f"read:cam1:{TOKEN}", AccessRequest("cam1", credential=TOKEN)),
        (f"publish:{KEY}", AccessRequest("", "publish", credential=KEY)),
    ],
)
def test_short_forms_are_understood(text: str, expected: AccessRequest) -> None:
    assert parse_stream_id(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [("#!::r", "stream_id_key_without_value"), ("#!::r=a,m=record", "stream_id_bad_mode")],
)
def test_what_cannot_be_understood_says_why(text: str, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        parse_stream_id(text)
    assert error.value.reason == reason


def test_a_request_is_written_in_access_control_syntax() -> None:
    request = AccessRequest("cam1", "publish", "ann", "7f", {"takeover": "1"}, "v")
    assert format_stream_id(request) == "#!::r=cam1,m=publish,u=ann,s=7f,takeover=1,k=v"
    assert parse_stream_id(format_stream_id(request)) == request


def test_a_comma_cannot_be_written() -> None:
    with pytest.raises(ValueError, match=r"take it out of r=a\*\*\*"):
        format_stream_id(AccessRequest("a,b"))


def test_a_written_request_has_512_bytes_at_most() -> None:
    room = 512 - len("#!::r=,m=request")
    assert len(format_stream_id(AccessRequest("x" * room))) == 512
    with pytest.raises(ValueError, match="this one has 513"):
        format_stream_id(AccessRequest("x" * (room + 1)))


@pytest.mark.parametrize(
    ("items", "credential", "session", "user"),
    [
        (f"k={KEY}", KEY, None, None),
        (f"s={KEY}", KEY, None, None),
        (f"u={KEY}", KEY, None, None),
        (f"t={TOKEN}", TOKEN, None, None),
        (f"k={TOKEN}", TOKEN, None, None),
        (f"s={TOKEN}", TOKEN, None, None),
        ("u=ann,s=letmein", "letmein", None, "ann"),
        (f"u=ann,s=7f,k={KEY}", KEY, "7f", "ann"),
        (f"u={KEY},k=other", "other", None, None),
        ("u=ann", None, None, "ann"),
        ("u=ann,k=,s=", None, None, "ann"),
        (f"u={KEY},s=session17", KEY, "session17", None),
        (f"u={TOKEN},s=", TOKEN, "", None),
        (f"u={KEY},s={TOKEN}", TOKEN, None, None),
    ],
)
def test_a_key_or_token_is_found_where_encoders_can_put_it(
    items: str, credential: str | None, session: str | None, user: str | None
) -> None:
    expected = AccessRequest("cam1", "publish", user, session, credential=credential)
    assert parse_stream_id(f"#!::r=cam1,m=publish,{items}") == expected


@pytest.mark.parametrize("resource_type", ["stream", "file", "auth"])
def test_srts_own_type_of_a_resource_is_no_token(resource_type: str) -> None:
    items = f"#!::r=cam1,m=publish,t={resource_type}"
    extra = {"t": resource_type}
    assert parse_stream_id(items) == AccessRequest("cam1", "publish", extra=extra)
    for where in "ksu":
        expected = AccessRequest("cam1", "publish", extra=extra, credential=KEY)
        assert parse_stream_id(f"{items},{where}={KEY}") == expected


def test_a_whole_stream_id_may_be_a_key_or_a_token() -> None:
    assert parse_stream_id(KEY) == AccessRequest("", "publish", credential=KEY)
    assert parse_stream_id(TOKEN) == AccessRequest("", "request", credential=TOKEN)


@pytest.mark.parametrize("key", [KEY[:-1], KEY + "x", KEY.upper(), "hrk_", "Hrk_1"])
def test_a_key_with_a_slip_is_still_taken_for_one(key: str) -> None:
    assert parse_stream_id(key) == AccessRequest("", "publish", credential=key)


def test_a_key_in_the_place_of_the_name_is_taken_for_the_key() -> None:
    assert parse_stream_id(f"#!::r={KEY},m=publish") == AccessRequest("", "publish", credential=KEY)
    assert parse_stream_id(f"#!::m=publish,k={KEY}") == AccessRequest("", "publish", credential=KEY)


def test_what_begins_as_keys_and_tokens_do_is_secret() -> None:
    assert all(map(is_secret, (KEY, KEY.upper(), TOKEN, TOKEN[:30])))
    assert not any(map(is_secret, ("cam1", "hrk", "ey", "", "eyelid")))


def test_neither_request_nor_error_shows_what_may_be_secret() -> None:
    request = parse_stream_id("#!::r=cam1,m=publish,u=alpha,s=bravo,k=charlie,x=delta")
    assert repr(request) == "AccessRequest(mode='publish')"
    for text in (f"#!::{KEY}", f"#!::r=cam1,m={KEY}"):
        with pytest.raises(PacketError) as error:
            parse_stream_id(text)
        assert "hrk_" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cam1", "cam1"),
        ("publish:cam1", "publish:cam1"),
        ("read:a.b_c~d-e", "read:a.b_c~d-e"),
        ("#!::r=cam1,m=publish,standby=1,takeover=no", "#!::r=cam1,m=publish,standby=1,takeover=no"),
        ("#!:: r = cam1 ,, m = request ", "#!::r=cam1,m=request"),
        ("", ""),
        (KEY, "hrk_***"),
        (KEY.upper(), "hrk_***"),
        (f"publish:cam1:{KEY}", "publish:cam1:***"),
        ("publish:cam1:hunter2", "publish:cam1:***"),
        (f"publish:{KEY}", "publish:hrk_***"),
        (f"#!::r={KEY},m=publish", "#!::r=hrk_***,m=publish"),
        ("#!::r=cam1,m=publish,u=ann,s=hunter2,k=yes,t=1", "#!::r=cam1,m=publish,u=***,s=***,k=***,t=***"),
        ("#!::r=cam1,hunter2=1,password=hunter2", "#!::r=cam1,***,***"),
        (f"#!::{KEY}", "#!::***"),
        ("#!::r=cam1,m=hunter2,takeover=hunter2", "#!::r=cam1,m=***,takeover=***"),
        (TOKEN, "***"),
        (f"request:cam1:{TOKEN}", "request:cam1:***"),
        (TOKEN[:40], "***"),
        (f"0{KEY}", "0hrk_***"),
        (f"0, {KEY}", "0***"),
        (f"x{TOKEN}", "***"),
        ("cam1?token=hunter2", "cam1***"),
        (f"studio:cam1:{KEY}", "studio***"),
        (f"%23!::r=cam1,k={KEY}", "***"),
        ("cam1\nconnection refused", "cam1***"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "***"),
    ],
)
def test_of_a_stream_id_only_what_is_harmless_is_shown(text: str, shown: str) -> None:
    assert redact_stream_id(text) == shown


@settings(max_examples=50)
@given(st.text(max_size=100), st.sampled_from(["", "publish:cam1:", "#!::r=cam1,k=", "#!::r=", "#!::", "read:"]))
def test_a_key_is_never_shown_wherever_it_stands(noise: str, form: str) -> None:
    for text in (form + noise + "," + KEY, form + KEY + noise, noise + form + KEY):
        assert KEY[4:] not in redact_stream_id(text)
        with suppress(PacketError):
            assert KEY[4:] not in repr(parse_stream_id(text))


def test_a_token_that_does_not_fit_is_named_as_the_reason() -> None:
    with pytest.raises(
        ValueError, match="this one has 523, of which its key or token takes 500: give a token fewer"
    ):
        format_stream_id(AccessRequest("cam1", credential="x" * 500))
    assert len(format_stream_id(AccessRequest("cam1", credential="x" * 489))) == 512


def test_an_error_of_writing_shows_no_credential() -> None:
    with pytest.raises(ValueError, match=r"take it out of k=\*\*\*") as error:
        format_stream_id(AccessRequest("cam1", credential="hunter2,"))
    assert "hunter2" not in str(error.value)
