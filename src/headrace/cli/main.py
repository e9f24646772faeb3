"""The ``headrace`` command: reads ``.env``, runs a subcommand, and turns what goes wrong into one clear line."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from dotenv import load_dotenv

from headrace.base.errors import HeadraceError
from headrace.cli.check import check
from headrace.cli.client import client
from headrace.cli.demo import demo
from headrace.cli.produce import produce
from headrace.cli.serve import serve

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="headrace",
    help="Live video streaming over SRT: producers, a broker and clients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(produce)
app.command()(client)
app.command()(demo)
app.command()(check)


@app.callback()
def headrace(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Take the options that belong to no command."""
    if version:
        print(metadata.version("headrace"))  # noqa: T201 - this is the command's output
        raise typer.Exit


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    load_dotenv(Path.cwd() / ".env")  # the environment wins over .env, flags over both
    try:
        sys.exit(app(standalone_mode=False))
    except HeadraceError as error:
        _fail(str(error), EXIT_FAILURE)
    except typer.TyperException as error:
        _fail(f"{error.format_message()} (headrace --help shows what can be typed)", EXIT_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(EXIT_INTERRUPTED)


def _fail(message: str, code: int) -> NoReturn:
    print(f"headrace: {message}", file=sys.stderr)  # noqa: T201 - this is the command's error output
    sys.exit(code)
