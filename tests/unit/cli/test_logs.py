import io
import json
import logging

import pytest
import structlog

from headrace.cli.logs import configure_logs


def test_text_for_people_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().info("listening", port=8890)
    structlog.get_logger().debug("not shown")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("listening port=8890\n")
    assert "\x1b" not in err


def test_json_for_machines_is_one_object_a_line_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", json=True)
    structlog.get_logger().info("not shown")
    structlog.get_logger().error("a bug", exc_info=ValueError("broken"))
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["event"]) == ("error", "a bug")
    assert "ValueError: broken" in entry["exception"]


def test_what_the_client_library_logs_looks_like_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning")
    logging.getLogger("headrace.client.publisher").warning("not connected to %s", "there")
    logging.getLogger("headrace.client.publisher").info("not shown")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "warning" in err
    assert err.endswith("not connected to there\n")


class Unwritable(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError("nobody reads")

    def flush(self) -> None:
        raise BrokenPipeError("nobody reads")


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info")
    monkeypatch.setattr("sys.stderr", Unwritable())
    structlog.get_logger().info("lost")
