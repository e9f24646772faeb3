"""Each example, run as a person runs it; and the reference shows them as they are."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ports import free_udp_port

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
REFERENCE = ROOT / "docs" / "reference" / "python.md"
PYTHON = [sys.executable, "-W", "error"]
"""A socket that is left open is then told on standard error."""


def run_example(name: str, *arguments: str) -> list[str]:
    """Return the lines that an example prints."""
    done = subprocess.run(
        [*PYTHON, str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def broker_port() -> Iterator[int]:
    """Run ``headrace serve`` and return its port."""
    port = free_udp_port()
    command = [sys.executable, "-m", "headrace", "serve", "--listen", f"127.0.0.1:{port}", "--http", "off"]
    command += ["--open", "--state", "off"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as broker:
        assert broker.stderr is not None
        assert "OPEN TO ALL" in broker.stderr.readline()
        assert "listening" in broker.stderr.readline()
        yield port
        broker.terminate()
        broker.communicate(timeout=10)
    assert broker.returncode == 0


def test_the_echo_answers_and_refuses() -> None:
    assert run_example("srt_echo.py") == ["one", "two", "three", "refused (2404): there is no such channel"]


def test_what_is_published_is_watched(broker_port: int) -> None:
    *lines, last = run_example("publish_and_subscribe.py", "127.0.0.1", str(broker_port))
    packets, pictures = zip(
        *([int(word) for word in line.split() if word.isdigit()] for line in lines), strict=True
    )
    assert lines[-1].startswith("live: ")
    assert len(packets) == 3
    assert packets[0] < packets[1] < packets[2]
    # Who joins after a keyframe waits for the next one, up to 2 s.
    assert pictures[2] > 0
    assert last.startswith("Test pattern: ")
    assert 0 <= int(last.split()[2]) < 5000


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_stands_in_the_reference(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 50
    assert f"```python\n{text}```\n" in REFERENCE.read_text(encoding="utf-8")
