"""The client's shell: subscribe and unsubscribe by typing, with live figures below the prompt."""

import asyncio
import contextlib
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle
from rich.console import Console

from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import figures_line, print_figures
from headrace.cli.live_list import list_lines
from headrace.cli.piped_lines import piped_lines
from headrace.cli.rates import Rates
from headrace.cli.refusal_hints import watch_hint
from headrace.cli.shell_history import open_history
from headrace.cli.state_changes import StateChanges
from headrace.client.client import Client
from headrace.netio.clock import now_us

HELP: Final = """\
list                     show what is live
subscribe ID [ID ...]    receive channels
unsubscribe ID [ID ...]  stop receiving them
status                   show what each subscription has received
help                     show this
quit                     end; Ctrl-C and Ctrl-D do, too"""
COMMANDS: Final = ("list", "subscribe", "unsubscribe", "status", "help", "quit")
LOOK_SECONDS: Final = 0.5
MAX_TOOLBAR_LINES: Final = 8
MAX_SHOWN_CHARACTERS: Final = 40
"""Of what was typed and is no command."""


class Shell:
    """Reads commands from a terminal or a pipe and carries them out on a client.

    Args:
        client: Whose subscriptions it changes.
        console: Where answers go.
        known_ids: Channel ids to offer for completion.
        look_around: Returns the channels that are live, in a thread.
    """

    def __init__(
        self,
        client: Client,
        console: Console,
        known_ids: tuple[str, ...] = (),
        look_around: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        self._look_around = look_around
        self._client = client
        self._console = console
        self._known_ids = dict.fromkeys(known_ids)
        self._rates = Rates()
        self._changes = StateChanges()

    async def run(self) -> None:
        """Carry out commands until ``quit``, Ctrl-C, Ctrl-D or the end of the input."""
        looking = asyncio.create_task(self._look_again_and_again())
        lines = _terminal_lines(self) if sys.stdin.isatty() and sys.stdout.isatty() else piped_lines(0)
        try:
            async for line in lines:
                if not await self.execute(line):
                    return
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def execute(self, line: str) -> bool:
        """Carry out one line; return False when the shell is to end."""
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        if not words:
            return True
        command, *arguments = words
        match command.lower(), arguments:
            case "quit" | "exit", []:
                return False
            case "help" | "?", []:
                self._print(HELP)
            case "list", []:
                await self._list()
            case "status", []:
                self._show_status()
            case "subscribe" | "unsubscribe" as verb, _:
                await self._change(verb, arguments)
            case _:
                shown = line.strip()[:MAX_SHOWN_CHARACTERS]
                self._print(
                    f"{shown!r} is no command: type list, subscribe ID, unsubscribe ID, status, help or quit"
                )
        return True

    async def _list(self) -> None:
        try:
            channels = await asyncio.to_thread(self._look_around)
        except HeadraceError as error:
            self._print(f"{error}")
            return
        for line in list_lines(channels):
            self._print(line)
        self._known_ids.update(dict.fromkeys(one["id"] for one in channels))

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
        self._forget(channel_id)
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
        rates = {channel_id: self._rates.mbps(channel_id) for channel_id in figures}
        print_figures(self._console, figures, rates)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look(now_us())

    async def look(self, now_us: int) -> None:
        """Note the figures of this moment, and tell what has changed; a subscription that has ended is removed."""
        for channel_id in self._client.channel_ids:
            if channel_id not in self._client.channel_ids:
                continue  # unsubscribed from while another one was being ended
            received = self._client.figures(channel_id).received
            self._rates.note(channel_id, received.received_payload_bytes, now_us)
            if (failure := self._client.failure(channel_id)) is not None:
                await self._client.unsubscribe(channel_id)
                self._forget(channel_id)
                self._print(f"{channel_id}: the subscription has ended: {failure}{watch_hint(failure)}")
            elif (line := self._changes.look(channel_id, received.state)) is not None:
                self._print(line)

    def _forget(self, channel_id: str) -> None:
        self._rates.forget(channel_id)
        self._changes.forget(channel_id)

    def toolbar(self, width: int) -> str:
        """Return the figures of this moment, a line of at most ``width`` characters for each subscription."""
        ids = self._client.channel_ids
        shown = ids if len(ids) <= MAX_TOOLBAR_LINES else ids[: MAX_TOOLBAR_LINES - 1]
        lines = [figures_line(one, self._client.figures(one), self._rates.mbps(one)) for one in shown]
        if len(shown) < len(ids):
            lines.append(f"and {len(ids) - len(shown)} more: type status")
        lines = lines or ["no subscriptions: type subscribe ID (Tab completes)"]
        return "\n".join(line[:width] for line in lines)

    def completions(self, text: str) -> list[str]:
        """Return what the last word of ``text`` can become."""
        *before, begun = text.split(" ")
        words = [word for word in before if word]
        return [offer for offer in self._offers(words) if offer.startswith(begun) and offer not in words]

    def _offers(self, words: list[str]) -> list[str]:
        match words:
            case []:
                return list(COMMANDS)
            case ["subscribe", *_]:
                return [known for known in self._known_ids if known not in self._client.channel_ids]
            case ["unsubscribe", *_]:
                return self._client.channel_ids
        return []


class _ShellCompleter(Completer):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002 - the base class's signature
        *_, begun = document.text_before_cursor.split(" ")
        for text in self._shell.completions(document.text_before_cursor):
            yield Completion(text, -len(begun))


async def _terminal_lines(shell: Shell) -> AsyncIterator[str]:
    """Yield what is typed, until Ctrl-C or Ctrl-D."""
    session: PromptSession[str] = PromptSession(
        "headrace> ",
        history=open_history(),
        completer=_ShellCompleter(shell),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        bottom_toolbar=lambda: shell.toolbar(shutil.get_terminal_size().columns),
        refresh_interval=LOOK_SECONDS,
    )
    with patch_stdout(raw=True), contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            # A signal is the command's to handle: it ends all of it, also between two prompts.
            yield await session.prompt_async(handle_sigint=False)
