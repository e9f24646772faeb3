"""What the OpenAPI document says of what needs no token."""

from typing import Any

from headrace.web.open_paths import add_open_paths, allowed_methods


def test_paths_are_added_beside_those_that_are_there() -> None:
    before: dict[str, Any] = {"components": {"schemas": {"Problem": {}}}, "paths": {"/channels": {"post": {}}}}
    document = add_open_paths(before)
    assert set(document["paths"]["/channels"]) == {"post", "get"}
    assert {"ChannelView", "ChannelList", "Layer", "Video", "Problem"} == set(document["components"]["schemas"])
    assert "401" in document["paths"]["/channels/{channel_id}"]["get"]["responses"]


def test_all_methods_of_a_path_are_allowed_there_whichever_route_has_them() -> None:
    document = {"paths": {"/keys": {"get": {}, "post": {}, "parameters": []}, "/keys/{id}": {"delete": {}}}}
    assert allowed_methods(document, "/keys") == "GET, POST"
    assert allowed_methods(document, "/keys/7") == "DELETE"
    assert allowed_methods(document, "/keys/7/8") == allowed_methods(document, "/nothing") == ""
