"""What goes in and out of the API."""

import pytest
from pydantic import ValidationError

from headrace.web.api_models import ChannelView, NewChannel, NewKey
from headrace.web.public_channels import empty_view


def test_what_a_page_shows_of_a_channel_is_what_the_document_says() -> None:
    assert set(ChannelView.model_fields) == set(empty_view("a", is_private=False))


@pytest.mark.parametrize("channel_id", ["", "-a", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_ids_that_can_be_none_are_refused(channel_id: str) -> None:
    with pytest.raises(ValidationError):
        NewChannel(channel_id=channel_id)


def test_an_id_at_the_limit_is_taken_and_a_label_too() -> None:
    assert NewChannel(channel_id="a" * 64).channel_id
    assert NewKey(channel_id="a.b~c-d_e", label="ä" * 64).label
