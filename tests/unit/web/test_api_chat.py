"""The API of chats."""

import asyncio
from urllib.parse import quote

from tests.support.web_client import ADMIN, DeskStandIn, ask, web_parts

from headrace.web.app import make_app
from headrace.web.chat_room import Member


def test_lines_are_shown_and_removed_and_names_muted() -> None:
    desk = DeskStandIn()
    desk.add("A")
    parts = web_parts(desk)
    app = make_app(parts)

    async def speak() -> int:
        room, member = await parts.chats.room("A"), Member(1, "Anna B")
        room.enter(member)
        room.say(member, "hello", now_us=0, unix_us=77)
        return room.lines[0].line_id

    line_id = asyncio.run(speak())
    path = "/api/v1/channels/A"
    shown = ask(app, "GET", f"{path}/chat", headers=ADMIN).json()
    assert shown == {
        "lines": [{"id": 77, "unix_ms": 0, "name": "Anna B", "text": "hello", "role": None}],
        "muted": [],
    }
    name = quote("Anna B")
    assert ask(app, "PUT", f"{path}/muted/{name}", headers=ADMIN).status_code == 204
    assert ask(app, "DELETE", f"{path}/chat/{line_id}", headers=ADMIN).status_code == 204
    assert ask(app, "DELETE", f"{path}/chat/{line_id}", headers=ADMIN).status_code == 404
    assert ask(app, "GET", f"{path}/chat", headers=ADMIN).json() == {"lines": [], "muted": ["Anna B"]}
    assert ask(app, "DELETE", f"{path}/muted/{name}", headers=ADMIN).status_code == 204
    assert ask(app, "DELETE", f"{path}/muted/{name}", headers=ADMIN).status_code == 404


def test_a_channel_that_is_not_there_has_no_chat() -> None:
    app = make_app(web_parts())
    for method, path in (("GET", "chat"), ("DELETE", "chat/1"), ("PUT", "muted/a"), ("DELETE", "muted/a")):
        assert ask(app, method, f"/api/v1/channels/nothing/{path}", headers=ADMIN).status_code == 404
