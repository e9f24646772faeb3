"""``/metrics``."""

import asyncio

from starlette.applications import Starlette
from tests.support.web_client import ADMIN, ADMIN_TOKEN, DeskStandIn, StateStandIn, ask

from headrace.service.broker import Broker, BrokerConfig
from headrace.web.admin_gate import AdminGate
from headrace.web.metric_routes import metric_route
from headrace.web.metrics import WebFigures
from headrace.web.public_channels import PublicChannels


def test_sums_are_for_everybody_and_channels_for_the_admin() -> None:
    async def look() -> dict[str, object]:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            broker.endpoint.hub.open_channel("hidden")
            return await broker.desk.document()

    document = asyncio.run(look())

    class Desk(DeskStandIn):
        async def status(self, subscribers_of: str | None = None) -> dict[str, object]:
            return document

    channels = PublicChannels(Desk(), lambda: 0)
    gate = AdminGate(StateStandIn(), ADMIN_TOKEN, lambda: 0)
    app = Starlette(routes=[metric_route(channels, gate, lambda: WebFigures(requests=4))])
    answer = ask(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "headrace_http_requests_total 4.0" in answer.text
    assert "hidden" not in answer.text
    assert 'channel="hidden"' in ask(app, "GET", "/metrics", headers=ADMIN).text
    assert ask(app, "GET", "/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
