"""What the OpenAPI document says of what needs no token."""

from typing import Any

from headrace.web.open_paths import add_open_paths


def test_paths_are_added_beside_those_that_are_there() -> None:
    before: dict[str, Any] = {"components": {"schemas": {"Problem": {}}}, "paths": {"/channels": {"post": {}}}}
    document = add_open_paths(before)
    assert set(document["paths"]["/channels"]) == {"post", "get"}
    assert {"ChannelView", "ChannelList", "Video", "Problem"} == set(document["components"]["schemas"])
    assert "401" in document["paths"]["/channels/{channel_id}"]["get"]["responses"]
