"""``headrace client``: subscribe from a shell, or from a script."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.cli.channel_figures import figures_json, print_figures, wide_console
from headrace.cli.credentials import read_credential, read_passphrase
from headrace.cli.exit_codes import EXIT_INTERRUPTED
from headrace.cli.lifetime import run_until_stopped
from headrace.cli.live_list import live_channels
from headrace.cli.logs import configure_logs
from headrace.cli.options import (
    DEFAULT_BROKER,
    BrokerOption,
    HttpUrlOption,
    KeyLength,
    KeyLengthOption,
    LatencyOption,
    PassphraseFileOption,
    PassphraseOption,
    parse_broker,
)
from headrace.cli.refusal_hints import watch_hint
from headrace.cli.shell import Shell
from headrace.client.broker_address import BrokerAddress
from headrace.client.client import ChannelFigures, Client
from headrace.client.player import Player, check_player
from headrace.client.reach import reach_broker
from headrace.client.recorder import Recorder
from headrace.client.subscription import PayloadSink

POLL_SECONDS: Final = 0.1


class ClientError(HeadraceError):
    """What was typed cannot be done."""


def client(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Channels to subscribe to, as with --subscribe.")
    ] = None,
    *,
    broker: BrokerOption = DEFAULT_BROKER,
    http_url: HttpUrlOption = None,
    subscribe: Annotated[
        list[str] | None,
        typer.Option(
            "--subscribe",
            "-s",
            metavar="ID",
            help="Channel to subscribe to at once; repeatable, and more IDs may follow.",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, help="Receive for so long, print what came, and end; no shell."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object per subscription at the end, after --seconds or Ctrl-C; no shell.",
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", envvar="RECORD", help="Write a new playable .ts file per subscription there."),
    ] = None,
    play: Annotated[bool, typer.Option("--play", help="Show each subscription in an installed player.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", envvar="TOKEN", help="For private channels; other users of this machine see it."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="TOKEN_FILE", help="A file with the token: they do not."),
    ] = None,
    passphrase: PassphraseOption = None,
    passphrase_file: PassphraseFileOption = None,
    key_length: KeyLengthOption = KeyLength.AES_128,
    latency_ms: LatencyOption = 120,
) -> None:
    """Subscribe to channels: in a shell, or with --subscribe and --seconds from a script."""
    configure_logs("warning")
    wanted = list(dict.fromkeys([*(subscribe or []), *(ids or [])]))
    for channel_id in wanted:
        check_channel_id(channel_id)
    is_script = seconds is not None or as_json
    if is_script and not wanted:
        raise ClientError("say which channels: --subscribe ID")
    if play:
        check_player()
    if record is not None:
        _make_directory(record)
    address = parse_broker(broker)
    credential = read_credential(token, token_file, variable="TOKEN", what="token")
    recorders: dict[str, Recorder] = {}
    subscriber = Client(
        address,
        latency_ms=latency_ms,
        token=credential,
        passphrase=read_passphrase(passphrase, passphrase_file),
        key_length_bytes=key_length.length_bytes,
        make_sinks=lambda channel: _sinks(channel, record, recorders, play=play),
    )
    work = (
        run_script(subscriber, address, wanted, seconds, as_json=as_json)
        if is_script
        else run_shell(subscriber, address, wanted, http_url=http_url or None)
    )
    is_complete = asyncio.run(run_until_stopped(work))
    _check_recordings(recorders)
    if seconds is not None and not is_complete:
        raise typer.Exit(EXIT_INTERRUPTED)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClientError(
            f"cannot record into {directory}: {error.strerror}: choose another --record DIR"
        ) from None


def _check_recordings(recorders: Mapping[str, Recorder]) -> None:
    """Make sure that a script notices a recording that is not whole."""
    failed = [f"{one}: {recorder.failure.strerror}" for one, recorder in recorders.items() if recorder.failure]
    if failed:
        raise ClientError(f"not everything was recorded ({'; '.join(failed)}): choose another --record DIR")


def _sinks(
    channel_id: str, record: Path | None, recorders: dict[str, Recorder], *, play: bool
) -> Sequence[PayloadSink]:
    sinks: list[PayloadSink] = []
    if record is not None:
        recorders[channel_id] = Recorder(record, channel_id)
        sinks.append(recorders[channel_id])
    if play:
        sinks.append(Player(channel_id))
    return sinks


async def run_shell(
    subscriber: Client,
    broker: BrokerAddress,
    channel_ids: Sequence[str],
    *,
    offered_ids: Sequence[str] = (),
    http_url: str | None = None,
) -> None:
    """Run the client's shell.

    Args:
        subscriber: Whose subscriptions it changes.
        broker: Checked first.
        channel_ids: Subscribed to at once.
        offered_ids: Offered for completion besides.
        http_url: The broker's page, to ask what is live there; None for what `live_channels` finds.

    Raises:
        BrokerUnreachableError: No broker answers.
    """
    await reach_broker(broker)
    async with subscriber:
        known_ids = (*channel_ids, *offered_ids)
        shell = Shell(subscriber, wide_console(), known_ids, lambda: live_channels(broker, http_url))
        for channel_id in channel_ids:
            await shell.execute(f"subscribe {channel_id}")
        await shell.run()


async def run_script(
    subscriber: Client, broker: BrokerAddress, channel_ids: Sequence[str], seconds: float | None, *, as_json: bool
) -> None:
    """Subscribe, receive for ``seconds`` (or until stopped), and print what came.

    Raises:
        BrokerUnreachableError: No broker answers.
        ClientError: A subscription was refused, or ended for another reason of its own.
    """
    await reach_broker(broker)
    async with subscriber:
        for channel_id in channel_ids:
            subscriber.subscribe(channel_id)
        try:
            await _receive(subscriber, channel_ids, seconds)
        finally:
            failures = {channel_id: subscriber.failure(channel_id) for channel_id in channel_ids}
            figures = {channel_id: await subscriber.unsubscribe(channel_id) for channel_id in channel_ids}
            _print_figures(figures, failures, as_json=as_json)
    refused = [
        f"{one}: {failure}{watch_hint(failure)}" for one, failure in failures.items() if failure is not None
    ]
    if refused:
        raise ClientError("; ".join(refused))


async def _receive(subscriber: Client, channel_ids: Sequence[str], seconds: float | None) -> None:
    """Wait for the time to pass, or for every subscription to end by itself."""
    loop = asyncio.get_running_loop()
    ends_at = None if seconds is None else loop.time() + seconds
    while ends_at is None or loop.time() < ends_at:
        await asyncio.sleep(POLL_SECONDS if ends_at is None else min(POLL_SECONDS, max(ends_at - loop.time(), 0)))
        if all(subscriber.failure(one) is not None for one in channel_ids):
            return


def _print_figures(
    figures: dict[str, ChannelFigures], failures: dict[str, BaseException | None], *, as_json: bool
) -> None:
    if not as_json:
        print_figures(wide_console(), figures, {})
        return
    for channel_id, item in figures.items():
        print(json.dumps(figures_json(channel_id, item, failures[channel_id])))  # noqa: T201 - the command's output
