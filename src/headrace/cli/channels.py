"""``headrace channels``: which channels there are, who may watch them, and whether they are encrypted."""

import secrets
import sys
from base64 import b32encode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.cli.command_table import make_app
from headrace.cli.help_page import SUMMARIES
from headrace.cli.state import (
    JsonOption,
    StateOption,
    open_state,
    print_json,
    print_lines,
    print_table,
    show_time,
)

if TYPE_CHECKING:
    from headrace.store.channel_records import ChannelRecord

PASSPHRASE_RANDOM_BYTES: Final = 20
"""As many as a stream key has: 160 bits, 32 characters."""

channels = make_app("channels", SUMMARIES["channels"])

ChannelArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel's id, such as 1AAA99.")
]
VisibilityOption: TypeAlias = Annotated[
    Visibility | None,
    typer.Option(
        help="public: everybody may watch; unlisted: who knows the id; private: who has a token.",
        show_default=False,
    ),
]
EncryptOption: TypeAlias = Annotated[
    bool, typer.Option("--encrypt", help="Encrypt with a new passphrase, which is printed.")
]
PassphraseFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Encrypt with the passphrase in this file, 10 to 79 bytes; - reads standard input.",
    ),
]


class ChannelsError(HeadraceError):
    """What was typed about a channel cannot be done."""


@channels.command("add")
def add(
    channel: ChannelArgument,
    *,
    visibility: VisibilityOption = None,
    encrypt: EncryptOption = False,
    passphrase_file: PassphraseFileOption = None,
    allow_clear: Annotated[
        bool, typer.Option("--allow-clear", help="Let callers without encryption in too.")
    ] = False,
    state: StateOption = "",
) -> None:
    """Add a channel."""
    passphrase = _read_passphrase(passphrase_file, encrypt=encrypt)
    rule = ChannelRule(channel, visibility or Visibility.PUBLIC, passphrase, not allow_clear)
    with open_state(state) as store:
        store.channels.add(rule)
    print_lines(f"added channel {channel}: 'headrace keys new {channel}' makes a key to publish it with")
    if encrypt:
        print_lines(f"passphrase: {passphrase}")


@channels.command("list")
def list_channels(*, state: StateOption = "", as_json: JsonOption = False) -> None:
    """List all channels."""
    with open_state(state) as store:
        records = store.channels.list_all()
    if as_json:
        print_json([_facts(record) for record in records])
        return
    headings = ("channel", "visibility", "encryption", "keys", "created")
    print_table(headings, map(_row, records), "there are no channels: 'headrace channels add CHANNEL' makes one")


@channels.command("show")
def show(
    channel: ChannelArgument,
    *,
    with_secrets: Annotated[bool, typer.Option("--secrets", help="Show the passphrase too.")] = False,
    state: StateOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show one channel."""
    with open_state(state) as store:
        record = store.channels.find(check_channel_id(channel))
    facts = _facts(record)
    if with_secrets:
        facts["passphrase"] = record.rule.passphrase
    if as_json:
        print_json(facts)
        return
    facts["created"] = show_time(record.created_unix_s)
    del facts["created_unix_s"]
    print_lines(*(f"{key:<11} {'-' if value is None else value}" for key, value in facts.items()))


@channels.command("set")
def set_channel(
    channel: ChannelArgument,
    *,
    visibility: VisibilityOption = None,
    encrypt: EncryptOption = False,
    passphrase_file: PassphraseFileOption = None,
    is_clear: Annotated[bool, typer.Option("--no-encryption", help="Encrypt no more.")] = False,
    is_enforced: Annotated[
        bool | None,
        typer.Option(
            "--enforce-encryption/--allow-clear",
            help="Whether callers without encryption are refused.",
            show_default=False,
        ),
    ] = None,
    state: StateOption = "",
) -> None:
    """Change who may watch a channel, or its encryption.

    A running broker follows within seconds.
    """
    if is_clear and (encrypt or passphrase_file):
        raise ChannelsError("choose one of --no-encryption, --encrypt and --passphrase-file")
    passphrase = _read_passphrase(passphrase_file, encrypt=encrypt)
    with open_state(state) as store:
        rule = store.channels.find(check_channel_id(channel)).rule
        changed = replace(
            rule,
            visibility=visibility or rule.visibility,
            passphrase=None if is_clear else passphrase or rule.passphrase,
            is_encryption_enforced=rule.is_encryption_enforced if is_enforced is None else is_enforced,
        )
        store.channels.change(changed)
    print_lines(f"channel {channel}: {changed.visibility}, encryption {_encryption(changed)}")
    if encrypt:
        print_lines(f"passphrase: {passphrase}")


@channels.command("rename")
def rename(
    channel: ChannelArgument,
    new_id: Annotated[str, typer.Argument(metavar="NEW", help="Its new id.")],
    *,
    state: StateOption = "",
) -> None:
    """Give a channel another id, which its keys open then.

    Who is connected under the old one is let go within seconds.
    """
    with open_state(state) as store:
        store.channels.rename(check_channel_id(channel), new_id)
    print_lines(f"channel {channel} is {new_id} now")


@channels.command("remove")
def remove(channel: ChannelArgument, *, state: StateOption = "") -> None:
    """Remove a channel and its keys.

    Who is connected to it is let go within seconds.
    """
    with open_state(state) as store:
        store.channels.remove(check_channel_id(channel))
    print_lines(f"removed channel {channel} and its keys")


def _read_passphrase(file: Path | None, *, encrypt: bool) -> str | None:
    if encrypt and file:
        raise ChannelsError("choose one of --encrypt and --passphrase-file")
    if encrypt:
        return b32encode(secrets.token_bytes(PASSPHRASE_RANDOM_BYTES)).decode().lower()
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise ChannelsError(f"cannot read the passphrase from {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ChannelsError(f"the passphrase in {file} is no UTF-8 text") from None
    # Editors end a file with a line break, and may begin it with a byte order mark: nobody types these into OBS.
    return text.removeprefix("\ufeff").rstrip("\r\n")


def _facts(record: "ChannelRecord") -> dict[str, object]:
    return {
        "channel": record.rule.channel_id,
        "visibility": record.rule.visibility.value,
        "encryption": _encryption(record.rule),
        "keys": record.keys,
        "created_unix_s": record.created_unix_s,
    }


def _row(record: "ChannelRecord") -> tuple[str, ...]:
    return (
        record.rule.channel_id,
        record.rule.visibility.value,
        _encryption(record.rule),
        str(record.keys),
        show_time(record.created_unix_s),
    )


def _encryption(rule: ChannelRule) -> str:
    if rule.passphrase is None:
        return "none"
    return "enforced" if rule.is_encryption_enforced else "optional"
