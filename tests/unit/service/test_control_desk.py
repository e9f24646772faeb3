"""What this machine's user is answered."""

import asyncio
import json
from typing import Any

from tests.support.web_client import DeskStandIn

from headrace.access.channel_rule import Visibility
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.broker_status import STATUS_VERSION
from headrace.service.control_desk import ControlDesk
from headrace.web.public_channels import PublicChannels

SEEN = {"title": "Bridge", "video": {"codec": "H.264", "width": 1280, "height": 720}}


def answer(request: dict[str, object]) -> dict[str, Any]:
    shown = DeskStandIn()
    shown.add("open")
    shown.add("secret", Visibility.PRIVATE)

    async def run() -> str:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            desk = ControlDesk(broker.desk, PublicChannels(shown, lambda: 0, lambda _: SEEN))
            return "".join([piece async for piece in desk.pieces(request)])

    document: dict[str, Any] = json.loads(asyncio.run(run()))
    return document


def test_channels_are_told_with_titles_and_with_those_that_no_list_may_show() -> None:
    told = answer({"want": "channels"})
    assert told["version"] == STATUS_VERSION
    seen = [(one["id"], one["title"], one["is_private"]) for one in told["channels"]]
    assert seen == [("open", "Bridge", False), ("secret", "Bridge", True)]


def test_anything_else_is_asked_of_the_status_desk() -> None:
    assert answer({"want": "status"})["broker"]["channels"] == 0
    assert answer({"want": "nonsense"})["error"] == "what can be wanted is: status, channels"
