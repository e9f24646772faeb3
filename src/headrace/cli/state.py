"""What the commands share that read and write the state."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headrace.store.location import parse_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.store.state_store import StateStore

StateOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar="STATE",
        help="Where channels and keys are kept: a folder, or postgresql://USER@HOST/DATABASE.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def open_state(text: str) -> "StateStore":
    """Return the state at the place that ``text`` names, an empty one for the default.

    Raises:
        StateError: It cannot be used.
    """
    location = parse_location(text)
    # Imported here: SQLAlchemy takes half a second, which nobody waits for who only mistyped something.
    from headrace.store.state_store import StateStore  # noqa: PLC0415

    return StateStore(location)


def show_time(unix_s: int | None) -> str:
    """Return a time for people, ``-`` for none."""
    return "-" if unix_s is None else f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC"


def print_json(document: object) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(document) + "\n")


def print_lines(*lines: str) -> None:
    """Print lines as they are, whatever the width of the terminal: they are to be copied."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def print_or_fail(*lines: str) -> None:
    """Print lines as they are, all at once, and return when they have gone.

    Raises:
        OSError: They have not, and will not.
    """
    try:
        print_lines(*lines)
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer would be tried again at the end, with a traceback and a code of Python's own.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise


def print_table(headings: "Sequence[str]", rows: "Iterable[Sequence[str]]", nothing: str) -> None:
    """Print a table, or the line ``nothing`` where it would have no rows."""
    from rich.table import Table  # noqa: PLC0415 - not for those who want JSON
    from rich.text import Text  # noqa: PLC0415

    from headrace.cli.channel_figures import wide_console  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # What people typed, such as a label, is no markup.
        table.add_row(*map(Text, row))
    if not table.row_count:
        print_lines(nothing)
        return
    wide_console().print(table)
