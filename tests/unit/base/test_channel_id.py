"""What may name a channel."""

import pytest

from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS, check_channel_id
from headrace.base.errors import ChannelIdError


@pytest.mark.parametrize(
    "text", ["1AAA99", "a", "0", "studio-1.main_2~x", "x" * MAX_CHANNEL_ID_CHARACTERS, "a.", "a.."]
)
def test_letters_digits_and_a_few_signs_name_a_channel(text: str) -> None:
    assert check_channel_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "-a",
        ".a",
        "..",
        "_a",
        "~a",
        "a b",
        "a/b",
        "a\\b",
        "a:b",
        "a,b",
        "a=b",
        "a%b",
        "ä",
        "٣",
        "a\n",
        "\na",
        "a\0",
    ],
)
def test_what_could_mean_something_in_a_path_or_url_does_not(text: str) -> None:
    with pytest.raises(ChannelIdError, match="is not a channel id"):
        check_channel_id(text)


def test_a_missing_id_is_said_to_be_missing() -> None:
    with pytest.raises(ChannelIdError, match="is missing"):
        check_channel_id("")


def test_one_character_too_many_is_said_to_be_too_many() -> None:
    with pytest.raises(ChannelIdError, match="at most 64 characters, this one has 65"):
        check_channel_id("x" * (MAX_CHANNEL_ID_CHARACTERS + 1))


def test_a_stream_key_in_the_place_of_an_id_is_told_and_not_shown() -> None:
    with pytest.raises(ChannelIdError, match="a stream key stands where a channel id should") as told:
        check_channel_id("hrk_abcdefghijklmnopqrstuvwxyz234567")
    assert "abcdef" not in str(told.value)


def test_a_token_in_the_place_of_an_id_is_told_and_not_shown() -> None:
    with pytest.raises(ChannelIdError, match="a token stands where a channel id should") as told:
        check_channel_id("eyJabcdef")
    assert "abcdef" not in str(told.value)


def test_a_stream_key_within_a_wrong_id_is_not_shown() -> None:
    with pytest.raises(ChannelIdError, match="is not a channel id") as told:
        check_channel_id("1AAA99:hrk_abcdefghijklmnopqrstuvwxyz234567")
    assert "abcdef" not in str(told.value)
