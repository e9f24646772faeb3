import re
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from headrace.base.errors import HeadraceError
from headrace.cli.command_table import load_command
from headrace.cli.help_page import SUMMARIES
from headrace.cli.hostport import AddressError
from headrace.cli.main import app
from headrace.cli.options import ENVIRONMENT_NAMES, parse_broker
from headrace.client.broker_address import BrokerAddress

READ_BY_SOURCES = {"FILE", "FRAMES", "AUDIO", "INPUT"}


def environment_names(command: str) -> set[str]:
    found = load_command(command)
    if not isinstance(found, typer.Typer):
        (app := typer.Typer(add_completion=False)).command()(found)
        found = app
    built: Any = get_command(found)
    commands = built.commands.values() if isinstance(built, TyperGroup) else [built]
    return {str(option.envvar) for one in commands for option in one.params if option.envvar}


def test_every_environment_name_of_every_command_is_listed() -> None:
    named = set().union(*(environment_names(command) for command in SUMMARIES))
    assert named | READ_BY_SOURCES == set(ENVIRONMENT_NAMES)
    assert {"BROKER_ADDRESS", "PRODUCER_ID", "FRAMES", "AUDIO", "DELAY", "RATE"} <= set(ENVIRONMENT_NAMES)


def test_every_environment_name_is_shown_in_a_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ""
    for command in SUMMARIES:
        app([command, "--help"], standalone_mode=False)
        shown += " ".join(capsys.readouterr().out.split())
    names = set(re.findall(r"\[env var: (\w+)[];]", shown))
    assert names == set(ENVIRONMENT_NAMES)


def test_a_broker_is_on_this_machine_and_port_8890_where_nothing_else_is_said() -> None:
    assert parse_broker("") == BrokerAddress("127.0.0.1", 8890)
    assert parse_broker(":1") == BrokerAddress("127.0.0.1", 1)
    assert parse_broker("[::1]:2") == BrokerAddress("::1", 2)
    with pytest.raises(HeadraceError, match="port"):
        parse_broker("host:port")


def test_a_broker_does_not_listen_on_port_0() -> None:
    with pytest.raises(AddressError, match="from 1 to 65535"):
        parse_broker("127.0.0.1:0")
