"""``headrace keys``: what producers publish with."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.access.channel_rule import ChannelRule
from headrace.access.stream_keys import make_stream_key
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.base.stream_key import KEY_RANDOM_BYTES
from headrace.cli.channels import ChannelArgument
from headrace.cli.command_table import make_app
from headrace.cli.help_page import SUMMARIES
from headrace.cli.hostport import host_from_here
from headrace.cli.key_files import KeyFile, KeyFileError, read_key_file
from headrace.cli.options import DEFAULT_BROKER, BrokerOption, parse_broker
from headrace.cli.paste_lines import publishing_lines
from headrace.cli.state import (
    JsonOption,
    StateOption,
    open_state,
    print_json,
    print_lines,
    print_or_fail,
    print_table,
    show_time,
)
from headrace.client.broker_address import BrokerAddress
from headrace.netio.entropy import random_bytes
from headrace.store.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.store.key_records import KeyRecord, KeyRecords
    from headrace.store.state_store import StateStore

keys = make_app("keys", SUMMARIES["keys"])


class KeysError(HeadraceError):
    """What was typed about keys cannot be done."""


@keys.command("new")
def new(
    channel: ChannelArgument,
    *,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for, to tell it from others.")] = "",
    broker: BrokerOption = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put it into a new file of yours alone, and do not print it."),
    ] = None,
    state: StateOption = "",
    as_json: JsonOption = False,
    listen: Annotated[str, typer.Option(envvar="LISTEN", hidden=True)] = "",
) -> None:
    """Make a key for a channel and print it, once, with lines to paste.

    They have the address of --broker; without it this machine's, with the port of LISTEN or else 8890.
    """
    address = parse_broker(broker) if broker else _address_here(listen)
    key = _make_key()
    with open_state(state) as store:
        passphrase = store.channels.find(check_channel_id(channel)).rule.passphrase
        number = _add_key(store, channel, key, label, None if out is None else KeyFile(out))
        if out is not None:
            print_lines(f"key {number} of channel {channel} is in {out}")
            return
        with _revoked_if_lost(store.keys, channel, number):
            if as_json:
                print_or_fail(json.dumps({"key_id": number, "channel": channel, "key": key}))
                return
            lines = publishing_lines(str(address), channel, key, passphrase)
            if not broker:
                lines = [*lines, "", f"{address} is this machine: --broker HOST:PORT prints lines for others."]
            print_or_fail(f"key {number} of channel {channel}, shown this once:", "", f"  {key}", "", *lines)


@keys.command("keep")
def keep(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are to be.")],
    channels: Annotated[list[str], typer.Argument(metavar="CHANNEL...", help="The channels' ids.")],
    *,
    state: StateOption = "",
) -> None:
    """Keep a key of each channel in FOLDER/CHANNEL.key.

    Channels, keys and files that are missing are made, and a file whose key opens its channel no longer gets a new
    one; a second time changes nothing. For containers, which need keys before anybody can make them.
    """
    _make_folder(folder)
    with open_state(state) as store:
        directory = store.directory()
        for channel in dict.fromkeys(channels):
            if check_channel_id(channel) not in directory.channels:
                store.channels.add(ChannelRule(channel))
            path = folder / f"{channel}.key"
            entry = directory.find_key(read_key_file(path) or "")
            if entry is None or entry.channel_id != channel:
                number = _add_key(store, channel, _make_key(), "kept in a file", KeyFile(path, replaces=True))
                print_lines(f"key {number} of channel {channel} is in {path}")


@keys.command("list")
def list_keys(channel: ChannelArgument, *, state: StateOption = "", as_json: JsonOption = False) -> None:
    """List the keys of a channel, without the keys themselves."""
    with open_state(state) as store:
        records = store.keys.of_channel(check_channel_id(channel))
    if as_json:
        print_json([_facts(record) for record in records])
        return
    nothing = f"channel {channel} has no keys: 'headrace keys new {channel}' makes one"
    print_table(("key", "label", "created", "revoked"), map(_row, records), nothing)


@keys.command("revoke")
def revoke(
    channel: ChannelArgument,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[KEY]", help="Its number; it may be left out where there is one.", show_default=False
        ),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Revoke all keys of the channel.")] = False,
    state: StateOption = "",
) -> None:
    """Revoke a key.

    Who publishes with it is let go within seconds.
    """
    if everything and number is not None:
        raise KeysError("choose one of a key's number and --all")
    with open_state(state) as store:
        check_channel_id(channel)
        if everything:
            print_lines(f"revoked {store.keys.revoke_all(channel)} keys of channel {channel}")
            return
        chosen = _only_key(store.keys, channel) if number is None else number
        store.keys.revoke(channel, chosen)
    print_lines(f"revoked key {chosen} of channel {channel}")


def _address_here(listen: str) -> BrokerAddress:
    """Return where a broker that listens at ``listen`` is reached from its own machine."""
    address = parse_broker(listen or DEFAULT_BROKER)
    return replace(address, host=host_from_here(address.host))


def _make_key() -> str:
    return make_stream_key(random_bytes(KEY_RANDOM_BYTES))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeysError(f"cannot write into {folder}: {error.strerror}") from None


def _add_key(store: "StateStore", channel: str, key: str, label: str, file: KeyFile | None) -> int:
    try:
        number = store.keys.add(channel, key, label)
    except BaseException:
        if file is not None:
            file.give_up()
        raise
    if file is not None:
        with _revoked_if_lost(store.keys, channel, number):
            file.write(key)
    return number


@contextmanager
def _revoked_if_lost(records: "KeyRecords", channel: str, number: int) -> "Iterator[None]":
    """Revoke a key that the block hands out, if that fails: it would open its channel, and nobody has it."""
    try:
        yield
    except (OSError, KeyFileError) as error:
        why = f"cannot write to standard output: {error.strerror}" if isinstance(error, OSError) else str(error)
        try:
            records.revoke(channel, number)
            end = "is revoked"
        except StateError:
            end = f"cannot be revoked now: type 'headrace keys revoke {channel} {number}'"
        raise KeysError(f"{why}: key {number} of channel {channel} went to nobody, and {end}") from None


def _only_key(records: "KeyRecords", channel: str) -> int:
    numbers = [record.key_id for record in records.of_channel(channel) if record.revoked_unix_s is None]
    if not numbers:
        raise KeysError(f"channel {channel} has no key that could be revoked")
    if len(numbers) > 1:
        choices = ", ".join(map(str, numbers))
        raise KeysError(f"channel {channel} has the keys {choices}: say which, or --all for all of them")
    return numbers[0]


def _facts(record: "KeyRecord") -> dict[str, object]:
    return {
        "key_id": record.key_id,
        "channel": record.channel_id,
        "label": record.label,
        "created_unix_s": record.created_unix_s,
        "revoked_unix_s": record.revoked_unix_s,
    }


def _row(record: "KeyRecord") -> tuple[str, ...]:
    created, revoked = show_time(record.created_unix_s), show_time(record.revoked_unix_s)
    return str(record.key_id), record.label, created, revoked
