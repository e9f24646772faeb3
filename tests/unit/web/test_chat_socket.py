"""A chat over a WebSocket."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.web_client import ADMIN_TOKEN, DeskStandIn, web_parts
from tests.support.web_sockets import ClosedError, Socket, SocketClient

from headrace.access.admin_token import hash_admin_token
from headrace.access.channel_rule import Visibility
from headrace.access.gate import OVERLOAD
from headrace.store.state_store import StateStore
from headrace.web import chat_socket
from headrace.web.admin_gate import FRESH_US, AdminGate
from headrace.web.app import make_app
from headrace.web.chat_room import MAX_WAITING
from headrace.web.chat_socket import encode, is_own_origin
from headrace.web.gateway import ChatIdentity, GatewayRefusal


@pytest.fixture
def desk() -> DeskStandIn:
    found = DeskStandIn()
    found.add("A")
    found.add("secret", Visibility.PRIVATE)
    return found


@pytest.fixture
def client(desk: DeskStandIn) -> Iterator[SocketClient]:
    with SocketClient(make_app(web_parts(desk))) as opened:
        yield opened


def hear(socket: Socket) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.receive_text())
    return message


def join(socket: Socket, name: str = "Anna", **more: str) -> dict[str, Any]:
    socket.send_json({"type": "join", "name": name, **more})
    assert hear(socket)["type"] == "history"
    return hear(socket)


def refused(why: str, retry_seconds: int | None, *, is_final: bool = False) -> dict[str, Any]:
    return {"type": "refused", "why": why, "retry_seconds": retry_seconds, "is_final": is_final}


def welcome(name: str, token_fault: str | None = None) -> dict[str, Any]:
    return {"type": "welcome", "name": name, "has_token_name": False, "token_fault": token_fault}


def test_two_people_hear_each_other_and_who_comes_later_reads_what_was_said(client: SocketClient) -> None:
    with client.connect("/chat/A") as anna, client.connect("/chat/A") as ben:
        assert join(anna) == welcome("Anna")
        join(ben, "Ben")
        anna.send_json({"type": "say", "text": "hello"})
        for socket in (anna, ben):
            line = hear(socket)
            assert (line["type"], line["name"], line["text"], line["role"]) == ("line", "Anna", "hello", None)
        with client.connect("/chat/A") as zoe:
            zoe.send_json({"type": "join", "name": ""})
            assert [one["text"] for one in hear(zoe)["lines"]] == ["hello"]
            assert hear(zoe)["name"] == ""
            zoe.send_json({"type": "say", "text": "me too"})
            assert hear(zoe) == refused("choose a name first", 0)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "a & b", "</script><b>"]
)
def test_markup_does_not_get_through_what_is_on_the_wire_is_text_without_any(
    client: SocketClient, text: str
) -> None:
    with client.connect("/chat/A") as anna:
        join(anna, text[:20])
        anna.send_json({"type": "say", "text": text})
        raw = anna.receive_text()
        assert not {"<", ">", "&"} & set(raw)
        assert json.loads(raw)["text"] == text


def test_a_name_is_changed_by_joining_again_without_the_history(client: SocketClient) -> None:
    with client.connect("/chat/A") as anna:
        join(anna)
        anna.send_json({"type": "join", "name": "Anna 2"})
        assert hear(anna) == welcome("Anna 2")


def test_a_private_channel_shows_nothing_without_a_token(client: SocketClient) -> None:
    for more in ({}, {"token": "wrong"}):
        with client.connect("/chat/secret") as stranger:
            stranger.send_json({"type": "join", "name": "x", **more})
            assert hear(stranger) == refused("the channel is private", None, is_final=True)
            with pytest.raises(ClosedError):
                stranger.receive_text()
    with client.connect("/chat/secret") as anna:
        join(anna, token="a-token")
    with client.connect("/chat/secret?token=a-token") as anna:
        join(anna)


def test_a_token_that_is_no_text_is_as_wrong_as_any_other(client: SocketClient) -> None:
    with client.connect("/chat/secret") as stranger:
        stranger.send_text('{"type":"join","token":"\\ud800"}')
        assert hear(stranger)["is_final"]
    with client.connect("/chat/A") as anna:
        join(anna, token="\ud800")


def test_a_token_gives_a_name_and_a_key_a_role_and_the_admins_token_opens_all(
    client: SocketClient, desk: DeskStandIn
) -> None:
    desk.identities = {"named": ChatIdentity("Dr. Token"), "key": ChatIdentity(role="producer")}
    with client.connect("/chat/A") as socket:
        assert join(socket, "me", token="named")["name"] == "Dr. Token"
    with client.connect("/chat/A") as socket:
        join(socket, "me", token="key")
        socket.send_json({"type": "say", "text": "x"})
        assert hear(socket)["role"] == "producer"
    with client.connect("/chat/secret") as socket:
        join(socket, "Op", token=ADMIN_TOKEN)
        socket.send_json({"type": "say", "text": "x"})
        assert hear(socket)["role"] == "operator"


def test_who_shows_what_is_not_good_comes_in_as_anybody_and_is_told_why(
    client: SocketClient, desk: DeskStandIn
) -> None:
    desk.identities = {name: ChatIdentity(fault="the token has expired") for name in ("old", ADMIN_TOKEN)}
    with client.connect("/chat/A") as anna:
        assert join(anna, token="old") == welcome("Anna", "the token has expired")
        assert hear_role(anna) is None
        anna.send_json({"type": "join", "name": "Op", "token": ADMIN_TOKEN})
        assert hear(anna) == welcome("Op")


def test_who_may_watch_no_longer_is_let_go(
    client: SocketClient, desk: DeskStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "CHECK_SECONDS", 0.02)
    with client.connect("/chat/secret") as anna:
        join(anna, token="a-token")
        desk.token = "another"
        assert hear(anna)["is_final"]
        with pytest.raises(ClosedError):
            anna.receive_text()


def hear_role(socket: Socket) -> str | None:
    """Say something, and return as whom that was."""
    socket.send_json({"type": "say", "text": "x"})
    role: str | None = hear(socket)["role"]
    return role


def test_who_may_watch_no_longer_is_let_go_from_a_chat_that_is_never_silent_too(
    client: SocketClient, desk: DeskStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "CHECK_SECONDS", 0.2)
    with client.connect("/chat/secret") as anna, client.connect("/chat/secret") as operator:
        join(anna, token="a-token")
        join(operator, "Op", token=ADMIN_TOKEN)
        desk.token = "another"
        operator.send_json({"type": "say", "text": "x"})
        ends_at = time.monotonic() + 10
        while (heard := hear(anna))["type"] == "line" and time.monotonic() < ends_at:
            operator.send_json({"type": "say", "text": "x"})
        assert heard["type"] == "refused"
        assert heard["is_final"]


def test_a_role_ends_with_the_key_that_gave_it(
    client: SocketClient, desk: DeskStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "CHECK_SECONDS", 0.02)
    desk.identities = {"key": ChatIdentity(role="producer")}
    with client.connect("/chat/A") as anna:
        join(anna, token="key")
        assert hear_role(anna) == "producer"
        desk.identities.clear()
        ends_at = time.monotonic() + 10
        while hear_role(anna) is not None:
            assert time.monotonic() < ends_at


class OneAdminToken:
    """A state that has one, in any thread."""

    is_there = True

    def __init__(self, token: str) -> None:
        self.token = token

    async def use(self, _: Callable[[StateStore], Any]) -> Any:
        """Return what is kept of it, whatever is asked."""
        return [hash_admin_token(self.token)]

    change = use


def test_who_has_an_admin_token_that_was_replaced_is_as_anybody(
    desk: DeskStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "CHECK_SECONDS", 0.02)
    state, clock_us = OneAdminToken("the first one"), itertools.count(0, 2 * FRESH_US)
    parts = replace(web_parts(desk), gate=AdminGate(state, None, lambda: next(clock_us)))
    with (
        SocketClient(make_app(parts)) as client,
        client.connect("/chat/A") as here,
        client.connect("/chat/secret") as there,
    ):
        for socket in (here, there):
            join(socket, "Op", token="the first one")
            assert hear_role(socket) == "operator"
        state.token = "the second one"
        assert hear(there)["is_final"]
        ends_at = time.monotonic() + 10
        while hear_role(here) is not None:
            assert time.monotonic() < ends_at


def test_a_right_that_is_not_known_for_the_moment_is_no_end_for_ever(
    client: SocketClient, desk: DeskStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def may_watch(channel_id: str, credential: str | None, host: str) -> None:
        raise GatewayRefusal(OVERLOAD, "it is not known")

    monkeypatch.setattr(desk, "may_watch", may_watch)
    with client.connect("/chat/A") as anna:
        anna.send_json({"type": "join"})
        assert hear(anna) == refused("it is not known", 5)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        b"\x00",
        b'{"type":"say","text":"x"}',
        "no json",
        "[]",
        "1",
        "[" * 5000,
        '{"type":"fly"}',
        '{"type":["say"]}',
        "{}",
    ],
)
def test_what_is_no_message_is_told_and_ends_nothing(client: SocketClient, sent: str | bytes) -> None:
    with client.connect("/chat/A") as anna:
        join(anna)
        if isinstance(sent, str):
            anna.send_text(sent)
        else:
            anna.send_bytes(sent)
        assert hear(anna) == refused("a message is join or say", None)
        anna.send_json({"type": "say", "text": {"not": "text"}})
        assert hear(anna)["type"] == "line"


def test_who_speaks_before_coming_in_is_told(client: SocketClient) -> None:
    with client.connect("/chat/A") as anna:
        anna.send_json({"type": "say", "text": "x"})
        assert hear(anna)["why"] == "join first"


def test_a_page_of_another_origin_is_turned_away(client: SocketClient) -> None:
    with (
        pytest.raises(ClosedError),
        client.connect("/chat/A", headers={"Origin": "https://evil.example"}),
    ):
        pass
    with client.connect("/chat/A", headers={"Origin": "http://testserver"}) as anna:
        join(anna)


def test_an_origin_is_ours_with_the_same_host_and_port_alone() -> None:
    assert is_own_origin("https://tv.example", "tv.example")
    assert is_own_origin("http://127.0.0.1:8080", "127.0.0.1:8080")
    assert is_own_origin(None, "tv.example")
    for origin in (
        "https://tv.example.evil.example",
        "http://127.0.0.1:8081",
        "null",
        "",
        "http://[",
        "http://]tv.example",
    ):
        assert not is_own_origin(origin, "tv.example")
    assert not is_own_origin("null", "")


def test_no_markup_stands_in_json() -> None:
    assert encode({"text": "<&>ä"}) == '{"text":"\\u003c\\u0026\\u003eä"}'


def test_who_is_owed_more_answers_than_are_kept_is_sent_away(client: SocketClient) -> None:
    with client.connect("/chat/A") as anna:
        join(anna)
        anna.send_texts(["{}"] * (2 * MAX_WAITING))
        with pytest.raises(ClosedError):
            hear(anna)
