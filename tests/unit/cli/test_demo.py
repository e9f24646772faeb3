import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.cli import demo as demo_module
from headrace.cli.demo import DemoError, choose_http_port, choose_port
from headrace.cli.demo_channels import NoSamplesError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp.getsockname()[1]


def test_the_usual_port_is_taken_if_it_is_free_and_another_one_if_not(
    monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    monkeypatch.setattr(demo_module, "DEFAULT_PORT", taken_port)
    other = choose_port(None)
    assert other not in (0, taken_port)
    monkeypatch.setattr(demo_module, "DEFAULT_PORT", other)
    assert choose_port(None) == other


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(taken_port: int) -> None:
    with pytest.raises(DemoError, match=f"UDP port {taken_port} is taken: give another --port"):
        choose_port(taken_port)


def test_the_usual_port_for_the_page_is_taken_if_it_is_free_and_another_one_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: int = server.getsockname()[1]
        monkeypatch.setattr(demo_module, "DEFAULT_HTTP_PORT", taken)
        other = choose_http_port(None)
        assert other not in (0, taken)
        with pytest.raises(DemoError, match=f"TCP port {taken} is taken: give another --http-port"):
            choose_http_port(taken)
    monkeypatch.setattr(demo_module, "DEFAULT_HTTP_PORT", other)
    assert choose_http_port(None) == other


def test_samples_are_looked_for_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(NoSamplesError, match="no samples"):
        demo_module.demo(samples=tmp_path)
