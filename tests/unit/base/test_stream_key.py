from headrace.base.stream_key import KEY_CHARACTERS, hide_stream_keys, is_stream_key

KEY = "hrk_" + "abcdefghijklmnopqrstuvwxyz234567"


def test_a_key_has_a_prefix_and_32_characters_of_base32() -> None:
    assert is_stream_key(KEY)
    assert len(KEY) == KEY_CHARACTERS == 36


def test_what_is_shorter_longer_or_of_other_letters_is_no_key() -> None:
    others = (
        KEY[:-1],
        KEY + "a",
        KEY.upper(),
        KEY.replace("2", "1"),
        KEY.removeprefix("hrk_"),
        f" {KEY}",
        "1AAA99",
        "",
    )
    assert not any(map(is_stream_key, others))


def test_keys_and_beginnings_of_keys_are_hidden_wherever_they_stand() -> None:
    assert hide_stream_keys(f"publish:1AAA99:{KEY}") == "publish:1AAA99:hrk_***"
    assert hide_stream_keys(f"#!::k={KEY[:9]},r=x,s={KEY.upper()}") == "#!::k=hrk_***,r=x,s=hrk_***"


def test_what_holds_no_key_stays_as_it_is() -> None:
    assert hide_stream_keys("#!::r=1AAA99,m=request") == "#!::r=1AAA99,m=request"
