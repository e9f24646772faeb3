"""The ``headrace`` command: reads ``.env``, runs a subcommand, and turns what goes wrong into one clear line."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from headrace.base.errors import HeadraceError
from headrace.base.version import VERSION
from headrace.cli.command_table import CommandTable
from headrace.cli.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE
from headrace.cli.help_page import HELP_FLAGS, PURPOSE, VERSION_HELP

app = typer.Typer(
    name="headrace",
    cls=CommandTable,
    help=PURPOSE,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": [*HELP_FLAGS]},
)


class DotenvError(HeadraceError):
    """There is a ``.env`` file that cannot be read."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(VERSION)  # noqa: T201 - this is the command's output
        raise typer.Exit


@app.callback()
def headrace(
    *,
    version: Annotated[
        bool, typer.Option("--version", help=VERSION_HELP, is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    _open_missing_streams()
    try:
        _load_dotenv(Path.cwd() / ".env")
        sys.exit(app(standalone_mode=False))
    except HeadraceError as error:
        _fail(str(error), EXIT_FAILURE)
    except typer.TyperException as error:
        _fail(f"{error.format_message()} ({_usage_hint(error)} shows what can be typed)", EXIT_USAGE)
    except OSError as error:
        _fail(str(error), EXIT_FAILURE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(EXIT_INTERRUPTED)


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that we were started without.

    Otherwise the first socket would become descriptor 0, 1 or 2, and be written messages to.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            while (opened := os.open(os.devnull, os.O_RDWR)) < descriptor:
                pass
            setattr(sys, name, os.fdopen(opened, mode, encoding="utf-8"))


def _load_dotenv(path: Path) -> None:
    """Take names from ``.env`` in the current folder: the environment wins over it, and flags win over both."""
    if not os.access(path, os.F_OK):
        return
    # It takes a tenth of what --help may, and most folders have no such file.
    from dotenv import load_dotenv  # noqa: PLC0415

    try:
        load_dotenv(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DotenvError(f"cannot read {path}: {error}: mend it, or run headrace in another folder") from None


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'headrace'} --help"


def _fail(message: str, code: int) -> NoReturn:
    print(f"headrace: {message}", file=sys.stderr)  # noqa: T201 - this is the command's error output
    sys.exit(code)
