"""The body of a request."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.requests import Request
from starlette.types import Message

from headrace.web import request_body
from headrace.web.request_body import MAX_BODY_BYTES, BodyError, media_type, read_text


def request(pieces: Iterable[bytes], headers: dict[str, str] | None = None, *, ends: bool = True) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "headers": raw}, receive)


def test_a_body_of_the_longest_length_is_taken_and_a_byte_more_is_not() -> None:
    half = b"a" * (MAX_BODY_BYTES // 2)
    assert len(asyncio.run(read_text(request([half, half])))) == MAX_BODY_BYTES
    with pytest.raises(BodyError, match="longer than 65536 bytes") as caught:
        asyncio.run(read_text(request([half, half, b"a"])))
    assert caught.value.status == 413


def test_one_that_announces_more_is_not_read() -> None:
    with pytest.raises(BodyError) as caught:
        asyncio.run(read_text(request([], {"Content-Length": str(MAX_BODY_BYTES + 1)}, ends=False)))
    assert caught.value.status == 413
    assert asyncio.run(read_text(request([b"x"], {"Content-Length": "no number"}))) == "x"


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BodyError) as caught:
        asyncio.run(read_text(request([b"\xff\xfe"])))
    assert caught.value.status == 400


def test_one_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.01)
    with pytest.raises(BodyError) as caught:
        asyncio.run(read_text(request([b"begun"], ends=False)))
    assert caught.value.status == 408


def test_who_hangs_up_has_said_too_little() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(BodyError) as caught:
        asyncio.run(read_text(Request({"type": "http", "headers": []}, receive)))
    assert caught.value.status == 400


def test_parameters_and_letters_of_a_type_make_no_difference() -> None:
    assert media_type(request([], {"Content-Type": "Application/SDP; charset=utf-8"})) == "application/sdp"
    assert media_type(request([])) == ""
