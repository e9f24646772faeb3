"""What ``headrace --help`` shows, laid out without typer, which takes far longer to load than Python to start.

Typer lays the same out for ``headrace`` alone and in each command's own help; a test holds that both are one text.
"""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

PURPOSE: Final = "Live video streaming over SRT: producers, a broker and clients."
SUMMARIES: Final = {
    "serve": "Run the broker until SIGINT or SIGTERM.",
    "produce": "Encode (H.264, AAC and Opus) and send one channel, in real time, reconnecting by itself.",
    "client": "Subscribe to channels: in a shell, or with --subscribe and --seconds from a script.",
    "list": "List the channels that are live, with their viewers: the same as on the broker's page.",
    "channels": "Add, show, change and remove channels: who may watch them, and their encryption.",
    "keys": "Make, list and revoke the keys that producers publish with.",
    "tokens": "Make tokens to watch private channels with, and say whose tokens are taken.",
    "demo": "Show everything on this machine: a broker, three producers, and a client's shell.",
    "status": "Show what a broker of this machine is doing: channels, producers, subscribers, losses, events.",
    "bench": "Measure what Headrace costs on this machine, with baselines: leave the machine alone meanwhile.",
    "check": "Exit with 0 if a broker answers, with 1 if none does.",
}
"""What is said of each command: the first line of its docstring."""
HELP_FLAGS: Final = ("-h", "--help")
VERSION_HELP: Final = "Show the version and exit."

_OPTIONS: Final = {"--version": VERSION_HELP, ", ".join(HELP_FLAGS): "Show this message and exit."}
_MOST_COLUMNS: Final = 78
_LEAST_COLUMNS: Final = 50


def help_page() -> str:
    """Return the page, for a terminal as wide as this one."""
    columns = max(min(shutil.get_terminal_size().columns - 2, _MOST_COLUMNS), _LEAST_COLUMNS)
    lines = ["Usage: headrace [OPTIONS] COMMAND [ARGS]...", ""]
    lines += textwrap.wrap(PURPOSE, columns, initial_indent="  ", subsequent_indent="  ")
    lines += ["", "Options:", *_table(_OPTIONS, columns)]
    lines += ["", "Commands:", *_table(SUMMARIES, columns)]
    return "\n".join(lines)


def _table(rows: Mapping[str, str], columns: int) -> Iterator[str]:
    left = max(map(len, rows)) + 2
    for name, meaning in rows.items():
        first, *others = textwrap.wrap(meaning, columns - left - 2)
        yield f"  {name:{left}}{first}"
        yield from (f"  {'':{left}}{line}" for line in others)
