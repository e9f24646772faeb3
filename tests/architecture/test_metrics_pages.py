"""What a broker measures, what the reference tells of, and what the dashboard shows are the same metrics."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from headrace.service.broker import Broker, BrokerConfig
from headrace.web.metrics import WebFigures, broker_metrics, channel_metrics, web_metrics

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"\bheadrace_[a-z_]+")


@pytest.fixture(scope="module")
def made() -> set[str]:
    """Return the names of all series that a broker has, as they are scraped."""

    async def look() -> set[str]:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            broker.endpoint.hub.open_channel("A")
            status = await broker.desk.document()
        families = [*broker_metrics(status), *web_metrics(WebFigures()), *channel_metrics(status["channels"])]
        suffix = {"counter": "_total", "info": "_info"}
        return {family.name + suffix.get(family.type, "") for family in families}

    return asyncio.run(look())


def test_every_metric_is_told_of_and_none_that_is_not_there(made: set[str]) -> None:
    assert set(NAME.findall((DOCS / "reference" / "metrics.md").read_text())) == made


def test_every_metric_of_the_dashboard_exists(made: set[str]) -> None:
    dashboard = json.loads((DOCS / "operate" / "grafana" / "headrace.json").read_text())
    shown = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in NAME.findall(target["expr"])
    }
    assert len(shown) > 20
    assert shown - made == set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
