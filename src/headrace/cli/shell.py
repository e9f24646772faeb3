"""The client's shell: subscribe and unsubscribe by typing, with live figures below the prompt."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console

from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import describe, figures_table, latency_text
from headrace.cli.rates import Rates
from headrace.client.client import Client

HELP: Final = """\
subscribe ID [ID ...]    receive channels
unsubscribe ID [ID ...]  stop receiving them
status                   show what each subscription has received
help                     show this
quit                     end"""
COMMANDS: Final = ("subscribe", "unsubscribe", "status", "help", "quit")
TOOLBAR_SECONDS: Final = 0.5
LINE_LIMIT: Final = 4096
"""A line longer than this, from a pipe, is no command."""


class Shell:
    """Reads commands from a terminal or a pipe and carries them out on a client.

    Args:
        client: Whose subscriptions it changes.
        console: Where answers go.
        known_ids: Channel ids to offer for completion.
    """

    def __init__(self, client: Client, console: Console, known_ids: tuple[str, ...] = ()) -> None:
        self._client = client
        self._console = console
        self._known_ids = dict.fromkeys(known_ids)
        self._rates = Rates()

    async def run(self) -> None:
        """Carry out commands until ``quit`` or the end of the input."""
        lines = self._terminal_lines() if sys.stdin.isatty() and sys.stdout.isatty() else _piped_lines()
        async for line in lines:
            if not await self.execute(line):
                return

    async def execute(self, line: str) -> bool:
        """Carry out one line; return False when the shell is to end."""
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        if not words:
            return True
        command, *arguments = words
        match command.lower():
            case "quit" | "exit":
                return False
            case "help" | "?":
                self._print(HELP)
            case "status":
                self._show_status()
            case "subscribe" | "unsubscribe" as verb:
                await self._change(verb, arguments)
            case _:
                self._print(
                    f"unknown command {command!r}: type subscribe ID, unsubscribe ID, status, help or quit"
                )
        return True

    async def _change(self, verb: str, channel_ids: list[str]) -> None:
        if not channel_ids:
            self._print(f"which channel? Type {verb} ID, such as {verb} 1AAA99")
        for channel_id in channel_ids:
            if verb == "subscribe":
                self._subscribe(channel_id)
            else:
                await self._unsubscribe(channel_id)

    def _subscribe(self, channel_id: str) -> None:
        try:
            self._client.subscribe(channel_id)
        except (HeadraceError, OSError) as error:
            self._print(f"{error}")
            return
        self._known_ids[channel_id] = None
        self._print(f"subscribed to {channel_id}")

    async def _unsubscribe(self, channel_id: str) -> None:
        try:
            received, seen = await self._client.unsubscribe(channel_id)
        except HeadraceError as error:
            self._print(f"{error}")
            return
        self._print(
            f"unsubscribed from {channel_id}: {seen.video_frames} frames, "
            f"{received.received_payload_bytes / 1e6:.1f} MB, lost {received.lost_packets}, "
            f"recovered {received.recovered_packets}, dropped {received.dropped_packets}"
        )

    def _show_status(self) -> None:
        if not self._client.channel_ids:
            self._print("no subscriptions: type subscribe ID")
            return
        figures = {channel_id: self._client.figures(channel_id) for channel_id in self._client.channel_ids}
        rates = {
            channel_id: self._rates.update(channel_id, item.received.received_payload_bytes)
            for channel_id, item in figures.items()
        }
        self._console.print(figures_table(figures, rates))
        for channel_id in figures:
            if (failure := self._client.failure(channel_id)) is not None:
                self._print(f"{channel_id}: {failure}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _toolbar(self) -> str:
        lines = []
        for channel_id in self._client.channel_ids:
            received, seen = self._client.figures(channel_id)
            lines.append(
                f"{channel_id}  {received.state.value}  {seen.video_frames} frames  "
                f"{self._rates.update(channel_id, received.received_payload_bytes):.2f} Mbit/s  "
                f"lost {received.lost_packets}  recovered {received.recovered_packets}  "
                f"dropped {received.dropped_packets}  latency "
                f"{latency_text(seen.latency_p50_ms, seen.latency_p99_ms)} ms  {describe(seen.title, seen.facts)}"
            )
        return "\n".join(lines) or "no subscriptions: type subscribe ID (Tab completes)"

    async def _terminal_lines(self) -> AsyncIterator[str]:
        session: PromptSession[str] = PromptSession(
            "headrace> ",
            history=_history(),
            completer=_CommandCompleter(self),
            bottom_toolbar=self._toolbar,
            refresh_interval=TOOLBAR_SECONDS,
        )
        with patch_stdout(raw=True):
            while True:
                try:
                    yield await session.prompt_async()
                except KeyboardInterrupt:
                    self._print("type quit to end")
                except EOFError:
                    return

    def completions(self, words_before: list[str]) -> list[str]:
        """Return what can stand after ``words_before``."""
        if not words_before:
            return list(COMMANDS)
        if words_before[0] == "subscribe":
            return [known for known in self._known_ids if known not in self._client.channel_ids]
        return self._client.channel_ids if words_before[0] == "unsubscribe" else []


class _CommandCompleter(Completer):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> "list[Completion]":  # noqa: ARG002
        *before, begun = document.text_before_cursor.split(" ")
        offers = self._shell.completions([word for word in before if word])
        return [Completion(offer, -len(begun)) for offer in offers if offer.startswith(begun)]


def _history() -> History:
    """Return the history of earlier sessions, or an empty one where it cannot be kept."""
    path = Path.home() / ".local" / "state" / "headrace" / "history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return FileHistory(path)


async def _piped_lines() -> AsyncIterator[str]:
    """Yield the lines of standard input as they come."""
    while line := await asyncio.to_thread(sys.stdin.readline, LINE_LIMIT):
        yield line
