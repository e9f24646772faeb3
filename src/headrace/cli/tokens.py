"""``headrace tokens``: what private channels are watched with, and who may sign such tokens."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.access.admin_token import ADMIN_RANDOM_BYTES, make_admin_token
from headrace.access.ask import Verb
from headrace.access.directory import TokenKey
from headrace.access.jwks import JwksError, read_jwks
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.cli.channels import ChannelArgument
from headrace.cli.command_table import make_app
from headrace.cli.durations import parse_duration
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
from headrace.netio.entropy import random_bytes

SECRET_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
TOKEN_ID_BYTES: Final = 6

tokens = make_app("tokens", SUMMARIES["tokens"])


class TokensError(HeadraceError):
    """What was typed about tokens cannot be done."""


@tokens.command("new")
def new(
    channel: ChannelArgument,
    *,
    duration: Annotated[str, typer.Option("--for", metavar="TIME", help="How long it is good: 90s, 30m, 2h, 7d.")],
    can_publish: Annotated[
        bool, typer.Option("--publish", help="For publishing in the place of watching.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Whose it is: the name in the channel's chat.")
    ] = None,
    state: StateOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a token for a channel and print it."""
    expires_unix_s = int(time.time()) + parse_duration(duration)
    token_id = random_bytes(TOKEN_ID_BYTES).hex()
    with open_state(state) as store:
        store.channels.find(check_channel_id(channel))
        key = store.token_keys.own_or(_make_own_key())
    # Imported here: PyJWT takes 150 ms.
    from headrace.access.tokens import sign_token  # noqa: PLC0415

    verb = Verb.PUBLISH if can_publish else Verb.REQUEST
    token = sign_token(key, key.key, channel, verb, expires_unix_s=expires_unix_s, token_id=token_id, name=name)
    if as_json:
        print_json({"token": token, "token_id": token_id, "channel": channel, "expires_unix_s": expires_unix_s})
        return
    print_lines(token)


@tokens.command("admin")
def admin(*, state: StateOption = "", as_json: JsonOption = False) -> None:
    """Make a token for the operator's page and API in the place of the one before, and print it, once."""
    token = make_admin_token(random_bytes(ADMIN_RANDOM_BYTES))
    with open_state(state) as store:
        store.admin_tokens.replace(token)
    if as_json:
        print_json({"admin_token": token})
        return
    print_lines(token)


@tokens.command("rotate")
def rotate(*, state: StateOption = "") -> None:
    """Sign new tokens with a new secret; those that are about hold until they end."""
    key = _make_own_key()
    with open_state(state) as store:
        store.token_keys.rotate(key)
    print_lines(f"new tokens are signed with key {key.key_id}")


@tokens.command("issuers")
def issuers(*, state: StateOption = "", as_json: JsonOption = False) -> None:
    """List whose tokens are taken, without their keys."""
    with open_state(state) as store:
        records = store.token_keys.list_all()
    facts: list[dict[str, object]] = [
        {
            "issuer": record.token_key.issuer,
            "audience": record.token_key.audience,
            "key_id": record.token_key.key_id,
            "algorithm": record.token_key.algorithm,
            "created_unix_s": record.created_unix_s,
            "retired_unix_s": record.retired_unix_s,
        }
        for record in records
    ]
    if as_json:
        print_json(facts)
        return
    rows = [
        (
            record.token_key.issuer,
            record.token_key.audience,
            record.token_key.key_id,
            record.token_key.algorithm,
            show_time(record.created_unix_s),
            show_time(record.retired_unix_s),
        )
        for record in records
    ]
    headings = ("issuer", "audience", "key", "algorithm", "created", "retired")
    print_table(headings, rows, "no tokens are taken: 'headrace tokens new CHANNEL --for 2h' makes the first one")


@tokens.command("trust")
def trust(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JWKS file with the keys of another program.")],
    *,
    issuer: Annotated[str, typer.Option(metavar="NAME", help="What its tokens say in claim iss.")],
    audience: Annotated[str, typer.Option(metavar="NAME", help="What they say in claim aud.")] = "headrace",
    state: StateOption = "",
) -> None:
    """Take tokens of another program, whose keys replace those that it had."""
    try:
        jwks = read_jwks(file.read_text(encoding="utf-8"), issuer=issuer, audience=audience)
    except OSError as error:
        raise TokensError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TokensError(f"{file} is no text") from None
    except JwksError as error:
        raise TokensError(f"{file} cannot be used: {error}") from None
    if not jwks.keys:
        raise TokensError(f"{file} has no key that could be used: {'; '.join(jwks.skipped) or 'it is empty'}")
    with open_state(state) as store:
        store.token_keys.trust(jwks.keys)
    names = ", ".join(key.key_id for key in jwks.keys)
    print_lines(f"tokens of {issuer} are taken, with keys {names}", *jwks.skipped)


@tokens.command("forget")
def forget(
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="Whose tokens.")], *, state: StateOption = ""
) -> None:
    """Take no more tokens of an issuer; who came with one is let go."""
    with open_state(state) as store:
        store.token_keys.forget(issuer)
    print_lines(f"tokens of {issuer} are taken no more")


def _make_own_key() -> TokenKey:
    # The state's own names of itself stand in a module that loads SQLAlchemy.
    from headrace.store.token_key_records import OWN_AUDIENCE, OWN_ISSUER  # noqa: PLC0415

    key_id = random_bytes(KEY_ID_BYTES).hex()
    return TokenKey(OWN_ISSUER, OWN_AUDIENCE, key_id, "HS256", random_bytes(SECRET_BYTES))
