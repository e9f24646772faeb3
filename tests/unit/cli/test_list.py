"""``headrace list``."""

import json
from typing import Any

import pytest

from headrace.cli import list as module

LIVE = [{"id": "1AAA99", "title": None, "state": "live", "live_seconds": 61.0, "viewers": 3}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def answer(*arguments: Any) -> list[dict[str, Any]]:
        calls.append(arguments)
        return LIVE if len(calls) == 1 else []

    monkeypatch.setattr(module, "live_channels", answer)
    return calls


def test_it_prints_a_table_or_json_or_that_there_is_nothing(
    asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    module.list(http_url="http://tv.example")
    shown = capsys.readouterr().out
    assert "1AAA99" in shown
    assert "live 1m 1s" in shown
    assert asked[0][1:] == ("http://tv.example", None)
    module.list()
    assert capsys.readouterr().out == "nothing is live\n"
    module.list(as_json=True, control="/run/x.sock")
    assert json.loads(capsys.readouterr().out) == {"channels": []}
    assert str(asked[2][2]) == "/run/x.sock"
