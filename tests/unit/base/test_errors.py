"""The exceptions that every room shares."""

import pytest

from headrace.base.errors import ChannelIdError, HeadraceError, LocalProtocolError, PacketError


@pytest.mark.parametrize("kind", [PacketError, LocalProtocolError, ChannelIdError])
def test_everything_raised_on_purpose_is_a_headrace_error(kind: type[Exception]) -> None:
    assert issubclass(kind, HeadraceError)


def test_a_packet_error_carries_its_reason_for_the_counters() -> None:
    error = PacketError("short_header", "3 bytes")
    assert error.reason == "short_header"
    assert str(error) == "short_header: 3 bytes"
    assert str(PacketError("empty_nak")) == "empty_nak"


def test_a_bad_channel_id_is_a_value_error_to_who_does_not_know_us() -> None:
    assert issubclass(ChannelIdError, ValueError)
