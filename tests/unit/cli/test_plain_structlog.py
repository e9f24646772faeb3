import subprocess
import sys


def run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_logs_load_neither_rich_nor_pygments() -> None:
    run(
        "import sys, headrace.cli.logs\n"
        "heavy = {'rich', 'pygments'} & {name.partition('.')[0] for name in sys.modules}\n"
        "assert not heavy, heavy\n"
    )


def test_rich_can_be_imported_afterwards() -> None:
    run("import headrace.cli.logs; from rich.table import Table; Table()")


def test_rich_that_is_there_stays() -> None:
    run("import rich.table, headrace.cli.logs, sys; assert sys.modules['rich'] is rich")
