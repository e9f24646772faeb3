"""The part of the OpenAPI document about what needs no admin token, which is answered by plain routes."""

from typing import Any

from headrace.web.api_models import ChannelList, ChannelView

_REF = "#/components/schemas/{model}"


def add_open_paths(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` with the paths of `channel_routes` and `event_routes`."""
    schemas = document["components"]["schemas"]
    for model in (ChannelView, ChannelList):
        described = model.model_json_schema(ref_template=_REF)
        schemas.update(described.pop("$defs", {}))
        schemas[model.__name__] = described
    channel = {"name": "channel_id", "in": "path", "required": True, "schema": {"type": "string"}}
    paths = {
        "/channels": {"get": _read("List the channels that are live or watched, and public.", "ChannelList", 429)},
        "/channels/{channel_id}": {
            "get": _read("Show one channel.", "ChannelView", 400, 401, 403, 404, 429, 503)
            | {"parameters": [channel]}
        },
    }
    for path, described in paths.items():
        document["paths"].setdefault(path, {}).update(described)
    return document


def _read(summary: str, model: str, *problems: int) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(status): {
            "description": "It is not to be had.",
            "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
        for status in problems
    }
    answers["200"] = {
        "description": "It.",
        "content": {"application/json": {"schema": {"$ref": _REF.format(model=model)}}},
    }
    return {"summary": summary, "tags": ["public"], "responses": answers}
