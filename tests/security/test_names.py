"""Names that come from stream ids, where they become file names, log lines and lines on a terminal.

Source: srt-live-server #28, #30 (keys taken for names); OWASP, "path traversal" and "log injection".
"""

import io
from pathlib import Path

import pytest
import structlog
from tests.support.broker_world import SECOND, World

from headrace.base.errors import ChannelIdError
from headrace.cli.logs import configure_logs
from headrace.client.recorder import Recorder

HOSTILE = [
    "../../etc/cron.d/x",
    "/etc/passwd",
    "..",
    ".",
    ".hidden",
    "a/b",
    "a\\b",
    "C:con",
    "a\0b",
    "a\nb",
    "-rf",
    "~root",
    "a b",
    "x" * 65,
    "",
    "é",
    "%2e%2e%2f",
    "\x1b[2J",
    "hrk_" + "a" * 32,
]


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_no_name_makes_a_recorder_write_outside_its_folder_or_under_another_name(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    with pytest.raises(ChannelIdError):
        Recorder(folder, name)
    assert not folder.exists()


def test_a_good_name_is_the_beginning_of_a_file_in_the_folder(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "recordings", "1AAA99.a_b~c-d")
    recorder.write([b"payload"])
    recorder.close()
    assert recorder.path is not None
    assert recorder.path.parent == tmp_path / "recordings"
    assert recorder.path.name.startswith("1AAA99.a_b~c-d-")


@pytest.mark.parametrize("name", [name for name in HOSTILE if name and ":" not in name], ids=repr)
@pytest.mark.parametrize("form", ["publish:{}", "{}", "#!::r={},m=publish"])
def test_no_name_opens_a_channel_that_it_may_not_be(name: str, form: str) -> None:
    world = World()
    caller = world.call(form.format(name))
    world.run(SECOND)
    assert caller.caller.connection is None
    assert not world.endpoint.hub.channels


@pytest.mark.parametrize("name", ["\x1b[2Jx", "a\nfake line", "\x9b31m", "x\r\x08"], ids=repr)
def test_what_a_stream_id_says_moves_no_cursor_and_makes_no_line_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs()
    structlog.configure(cache_logger_on_first_use=False)
    try:
        world = World()
        for form in ("publish:{}", "{}", "#!::r={}", "#!::{}", "#!::m={}", "#!::r=A,m={}"):
            world.call(form.format(name))
        world.run(SECOND)
    finally:
        structlog.reset_defaults()
    lines = written.getvalue().splitlines()
    assert sum("connection refused" in line for line in lines) >= 6
    for line in lines:
        assert line.isprintable()
        assert "fake line" not in line.split("connection refused")[0]
