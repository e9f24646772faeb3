"""The commands by name. A command's module is imported when it is used, and not before.

So a command's help and a wrong command answer at once, and ``headrace check`` does not wait for a video decoder.
This is the one place that knows of it: a command's own module imports what it needs at its top.

Help is plain text: laying it out with Rich takes as long again as everything else that showing it does.

Source: measured: of 0.7 s for help, 0.55 s went into NumPy, PyAV, prompt_toolkit and structlog; of the other
0.22 s of CPU time 0.11 s into Rich.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build_command

from headrace.cli.exit_codes import EXIT_USAGE
from headrace.cli.help_page import HELP_FLAGS, SUMMARIES

if TYPE_CHECKING:
    from typer._click import Command, Context


def load_command(name: str) -> Callable[..., None] | typer.Typer:
    """Import the module of the command ``name``; return its function, or group of commands, of that name."""
    found: Callable[..., None] | typer.Typer = getattr(import_module(f"headrace.cli.{name}"), name)
    return found


def make_app(name: str, summary: str | None = None) -> typer.Typer:
    """Return what takes commands that look as all others do, which can be a group in this table."""
    return typer.Typer(
        name=name,
        help=summary,
        cls=CommandGroup,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": [*HELP_FLAGS]},
    )


class CommandGroup(TyperGroup):
    """A group of commands."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Show the help where nothing was typed."""
        if not args:
            print(ctx.get_help())  # noqa: T201 - this is the command's output
            raise typer.Exit(EXIT_USAGE)
        return super().parse_args(ctx, args)


class CommandTable(CommandGroup):
    """The group of all commands, which imports the one that is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Enough for the list of commands, and for guessing what was meant.
        self.commands = {name: TyperCommand(name, short_help=summary) for name, summary in SUMMARIES.items()}

    def resolve_command(self, ctx: "Context", args: list[str]) -> tuple[str | None, "Command | None", list[str]]:
        """Return the command that ``args`` begin with, imported, and the other arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load_command(command.name or ""), rest


def _load_command(name: str) -> "Command":
    found = load_command(name)
    if isinstance(found, typer.Typer):
        return build_command(found)
    app = make_app(name)
    app.command(name)(found)
    return build_command(app)
