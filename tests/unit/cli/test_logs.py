import contextlib
import io
import json
import logging
import os

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


@pytest.mark.parametrize("json_lines", [False, True])
def test_a_traceback_shows_where_and_not_with_which_values(
    capsys: pytest.CaptureFixture[str], *, json_lines: bool
) -> None:
    configure_logs(json=json_lines)

    def meet_a_bug(passphrase: str) -> None:
        raise ValueError(len(passphrase))

    try:
        meet_a_bug("".join(("correct ", "horse")))
    except ValueError as error:
        structlog.get_logger().error("a bug", exc_info=error)
    err = capsys.readouterr().err
    assert "in meet_a_bug" in err
    assert "correct horse" not in err


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


def test_a_reader_that_has_stopped_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    with open(writer, "w") as stopped, monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stopped)
        configure_logs("info")
        structlog.get_logger().info("lost", text="x" * 10_000)
        os.read(reader, 1 << 20)
        structlog.get_logger().info("seen", text="y" * 10_000)
        assert os.read(reader, 1 << 20).count(b"y") == 10_000
    os.close(reader)
