"""The part of the OpenAPI document about what needs no admin token, which is answered by plain routes."""

import re
from typing import Any

from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS
from headrace.web.api_models import CHANNEL_ID_PATTERN, ChannelList, ChannelView

_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_REF = "#/components/schemas/{model}"


def add_open_paths(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` with the paths of `channel_routes`; a stream that never ends is not described."""
    schemas = document["components"]["schemas"]
    for model in (ChannelView, ChannelList):
        described = model.model_json_schema(ref_template=_REF)
        schemas.update(described.pop("$defs", {}))
        schemas[model.__name__] = described
    form = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_CHANNEL_ID_CHARACTERS,
        "pattern": CHANNEL_ID_PATTERN,
        "examples": ["1AAA99"],
    }
    channel = {"name": "channel_id", "in": "path", "required": True, "schema": form}
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


def allowed_methods(document: dict[str, Any], path: str) -> str:
    """Return what the document has for a path, as an ``Allow`` header says it; empty if it has nothing."""
    methods: set[str] = set()
    for template, described in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            methods.update(method.upper() for method in described if method in _METHODS)
    return ", ".join(sorted(methods))


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
