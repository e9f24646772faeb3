import subprocess
import sys

import pytest

from headrace.cli.help_page import SUMMARIES, help_page
from headrace.cli.main import app


@pytest.mark.parametrize("columns", [20, 52, 60, 79, 80, 81, 300])
def test_the_page_is_what_typer_would_show(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    app(["--help"], prog_name="headrace", standalone_mode=False)
    assert capsys.readouterr().out == help_page() + "\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_loads_nothing_but_itself(flag: str) -> None:
    script = (
        "import sys\n"
        "from headrace.__main__ import main\n"
        f"sys.argv = ['headrace', '{flag}']\n"
        "main()\n"
        "names = 'typer dotenv logging inspect dataclasses asyncio rich structlog numpy sqlalchemy'\n"
        "heavy = set(names.split()) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name} " in done.stdout for name in SUMMARIES)
