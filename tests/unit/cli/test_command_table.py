import inspect
import subprocess
import sys

import pytest
import typer

from headrace.cli.command_table import load_command
from headrace.cli.help_page import SUMMARIES
from headrace.cli.main import app


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_the_first_line_of_its_commands_docstring(name: str) -> None:
    found = load_command(name)
    said = found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found)
    first, _, _ = (said or "").partition("\n")
    assert SUMMARIES[name] == first


@pytest.mark.parametrize("name", ["channels", "keys", "tokens"])
def test_a_group_shows_its_help_where_no_command_follows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app([name], standalone_mode=False) == 2
    assert f" {name} [OPTIONS] COMMAND [ARGS]..." in capsys.readouterr().out


def test_a_wrong_command_of_a_group_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(typer.TyperException) as raised:
        app(["channels", "ad"], standalone_mode=False)
    assert raised.value.format_message() == "No such command 'ad'. Did you mean 'add'?"


def test_a_wrong_command_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(typer.TyperException) as raised:
        app(["sevre"], standalone_mode=False)
    assert raised.value.format_message() == "No such command 'sevre'. Did you mean 'serve'?"


def test_help_and_a_wrong_command_import_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from headrace.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'importlib.metadata', 'dotenv'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "try: app(['bogus'], standalone_mode=False)\n"
        "except Exception: pass\n"
        "names = 'numpy av prompt_toolkit structlog asyncio rich headrace.client sqlalchemy'\n"
        "heavy = set(names.split()) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "app(['check', '--help'], standalone_mode=False)\n"
        "app(['channels', 'add', '--help'], standalone_mode=False)\n"
        "try: app(['check', '--timeout', '1', 'no port'], standalone_mode=False)\n"
        "except Exception: pass\n"
        "heavy = {'av', 'prompt_toolkit', 'sqlalchemy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in SUMMARIES)
