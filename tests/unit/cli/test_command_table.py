import inspect
import subprocess
import sys

import pytest
import typer

from headrace.cli.command_table import SUMMARIES, load_function
from headrace.cli.main import app


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_the_first_line_of_its_commands_docstring(name: str) -> None:
    first, _, _ = (inspect.getdoc(load_function(name)) or "").partition("\n")
    assert SUMMARIES[name] == first


def test_a_wrong_command_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(typer.TyperException) as raised:
        app(["sevre"], standalone_mode=False)
    assert raised.value.format_message() == "No such command 'sevre'. Did you mean 'serve'?"


def test_help_and_a_wrong_command_import_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from headrace.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'importlib.metadata'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "try: app(['bogus'], standalone_mode=False)\n"
        "except Exception: pass\n"
        "names = 'numpy av prompt_toolkit structlog asyncio rich headrace.client'\n"
        "heavy = set(names.split()) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "app(['check', '--help'], standalone_mode=False)\n"
        "heavy = {'av', 'prompt_toolkit'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in SUMMARIES)
