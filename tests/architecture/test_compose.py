"""The container files: no Docker engine runs here, so what can be known without one is checked."""

import fnmatch
import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.support.compose import CHECKOUT, env_values, load_compose, services, used_names

from headrace.cli.main import app

SERVICES = ("keys", "broker", "producer-1", "producer-2", "producer-3", "client-1", "client-2", "client-3")
NAMES_THAT_CODE_READS = {"FILE", "FRAMES", "AUDIO", "INPUT", "HEADRACE_NETIO", "HEADRACE_PARENT_PID"}
"""Read without the help of the command line's parser."""


def command(name: str) -> Any:
    """Return a command of the command line, with its options."""
    group: Any = typer.main.get_command(app)
    for word in name.split():
        _, group, _ = group.resolve_command(group.make_context("headrace", [word]), [word])
    return group


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Return what a ``headrace`` command line means, in the environment as it is."""
    name, *rest = arguments
    if name in ("channels", "keys"):
        name, rest = f"{name} {rest[0]}", rest[1:]
    return dict(command(name).make_context(name, rest).params)


def names_the_cli_reads() -> set[str]:
    names = set(NAMES_THAT_CODE_READS)
    for name in ("serve", "produce", "client", "demo", "check", "keys new", "keys keep", "channels add"):
        for parameter in command(name).params:
            names |= {parameter.envvar} if isinstance(parameter.envvar, str) else set(parameter.envvar or ())
    return names


def addresses() -> dict[str, str]:
    return {
        name: entry["networks"]["live"]["ipv4_address"]
        for name, entry in load_compose()["services"].items()
        if "networks" in entry
    }


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a service's name, with its environment in place of ours."""
    name = str(request.param)
    for foreign in names_the_cli_reads():
        monkeypatch.delenv(foreign, raising=False)
    for key, value in services()[name].environment.items():
        monkeypatch.setenv(key, value)
    return name


def test_there_are_keys_a_broker_three_producers_and_three_clients() -> None:
    assert tuple(load_compose()["services"]) == SERVICES


def test_every_variable_has_a_value_in_env_and_every_value_is_used() -> None:
    assert used_names() == set(env_values())


def test_no_name_in_env_changes_what_a_command_does_that_is_typed_in_the_checkout() -> None:
    assert {"PRODUCER_ID", "BROKER_ADDRESS", "RATE", "FRAMES"} <= names_the_cli_reads()
    assert not set(env_values()) & names_the_cli_reads()


def test_addresses_are_distinct_and_lie_in_the_subnet_beside_its_gateway() -> None:
    subnet = ipaddress.ip_network(env_values()["SUBNET"])
    found = [ipaddress.ip_address(address) for address in addresses().values()]
    assert load_compose()["networks"]["live"]["ipam"]["config"] == [{"subnet": str(subnet)}]
    assert len(set(found)) == len(SERVICES) - 1
    assert set(found) <= set(list(subnet.hosts())[1:])
    assert subnet.is_private


def test_a_service_is_told_only_what_its_command_reads(service: str) -> None:
    assert set(services()[service].environment) <= names_the_cli_reads()


def test_the_command_line_of_a_service_is_understood(service: str) -> None:
    meaning = parsed(services()[service].arguments)
    if service == "keys":
        assert (Path(meaning["folder"]), meaning["state"]) == (Path("/keys"), "/state")
        assert list(meaning["channels"]) == [env_values()[f"PRODUCER_ID{number}"] for number in (1, 2, 3)]
        return
    if service == "broker":
        assert meaning["listen"] == f":{env_values()['BROKER_PORT']}"
        subnet = ipaddress.ip_network(env_values()["SUBNET"])
        assert meaning["trusted_proxies"] == str(subnet[1]), "where Docker's gateway is"
    else:
        assert meaning["broker"] == f"{addresses()['broker']}:{env_values()['BROKER_PORT']}"
    assert meaning["latency_ms"] == 120


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_producer_has_the_key_that_was_made_for_it_or_the_one_in_env(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert env_values()[f"STREAM_KEY{number}"] == ""
    producer = services()[f"producer-{number}"]
    for key, value in producer.environment.items():
        monkeypatch.setenv(key, value)
    meaning = parsed(producer.arguments)
    assert meaning["key"] is None
    assert Path(meaning["key_file"]) == Path(f"/keys/{env_values()[f'PRODUCER_ID{number}']}.key")
    monkeypatch.setenv("STREAM_KEY", "hrk_of_env")
    assert parsed(producer.arguments)["key"] == "hrk_of_env"


def test_keys_and_state_are_volumes_that_only_those_who_make_them_can_write() -> None:
    entries = load_compose()["services"]
    mounted = {
        name: [one for one in entry.get("volumes", []) if isinstance(one, str)] for name, entry in entries.items()
    }
    assert mounted["keys"] == ["state:/state", "keys:/keys"]
    assert mounted["broker"] == ["state:/state"]
    assert all(mounted[f"producer-{number}"] == ["keys:/keys:ro"] for number in (1, 2, 3))
    assert not any(
        "keys:" in one or "state:" in one for number in (1, 2, 3) for one in mounted[f"client-{number}"]
    )
    assert services()["broker"].environment["STATE"] == services()["keys"].environment["STATE"] == "/state"
    [made] = [line for line in (CHECKOUT / "Dockerfile").read_text().splitlines() if line.endswith("/state /keys")]
    assert "--owner=headrace" in made
    assert "--mode=0700" in made
    for name in ("keys", "broker", "producer-1"):
        assert f"USER {entries[name]['user']}" in (CHECKOUT / "Dockerfile").read_text()


@pytest.mark.parametrize(("number", "channel_id"), [(1, "1AAA99"), (2, "2BBB99"), (3, "3CCC99")])
def test_producers_have_their_ids(number: int, channel_id: str) -> None:
    assert services()[f"producer-{number}"].environment["PRODUCER_ID"] == channel_id


def test_a_producer_takes_its_id_and_rate_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = services()["producer-1"]
    for key, value in producer.environment.items():
        monkeypatch.setenv(key, value)
    meaning = parsed(producer.arguments)
    assert (meaning["channel_id"], meaning["rate"], meaning["loop"]) == ("1AAA99", "10", True)
    assert parsed([*producer.arguments, "5EEE99", "--rate", "5"])["rate"] == "5"


def test_the_broker_is_checked_with_a_command_that_exists_and_others_wait_for_it() -> None:
    entries = load_compose()["services"]
    kind, program, *arguments = entries["broker"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "headrace")
    assert parsed(arguments)["broker"] == f"127.0.0.1:{env_values()['BROKER_PORT']}"
    assert entries["broker"]["depends_on"] == {"keys": {"condition": "service_completed_successfully"}}
    for name in SERVICES[2:]:
        assert entries[name]["depends_on"] == {"broker": {"condition": "service_healthy"}}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_client_can_be_attached_to(number: int) -> None:
    entry = load_compose()["services"][f"client-{number}"]
    assert entry["container_name"] == f"client-{number}"
    assert entry["stdin_open"] is True
    assert entry["tty"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_rights_and_writes_nowhere_but_where_it_is_told(name: str) -> None:
    entry = load_compose()["services"][name]
    assert entry["cap_drop"] == ["ALL"]
    assert entry["security_opt"] == ["no-new-privileges:true"]
    assert entry["read_only"] is True
    assert not str(entry["user"]).startswith("0")
    assert 0 < entry["pids_limit"] <= 512
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(entry)
    assert entry.get("network_mode", "none") == "none"
    assert not any("docker.sock" in str(volume) for volume in entry.get("volumes", []))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists_and_cannot_be_written(name: str) -> None:
    volumes = load_compose()["services"][name].get("volumes", [])
    for volume in volumes:
        if isinstance(volume, dict):
            assert volume["read_only"] is True
            assert (CHECKOUT / volume["source"]).exists()
        else:
            assert volume.split(":")[0] in load_compose()["volumes"]
    environment = services()[name].environment
    mounted = {volume["target"] for volume in volumes if isinstance(volume, dict)}
    assert {environment[key] for key in ("FRAMES", "AUDIO", "FILE") if key in environment} == mounted


def dockerfile_copies() -> list[str]:
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    sources: list[str] = []
    for line in lines:
        if line.startswith("COPY ") and "--from=" not in line:
            sources += line.split()[1:-1]
    return sources


def test_what_the_image_is_made_from_exists_and_reaches_the_builder() -> None:
    ignored = [line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert set(dockerfile_copies()) == allowed
    for source in allowed:
        assert (CHECKOUT / source).exists()


def test_the_image_does_not_run_as_root_and_holds_no_env() -> None:
    text = (CHECKOUT / "Dockerfile").read_text()
    final_stage = text.rsplit("\nFROM ", 1)[1]
    users = re.findall(r"^USER (\S+)$", final_stage, re.MULTILINE)
    assert users == [env_values()["CONTAINER_USER"]]
    assert not any(fnmatch.fnmatch(".env", source) for source in dockerfile_copies())
    assert "--frozen --no-dev" in text
    assert env_values()["PYTHON_IMAGE"] in text


def test_the_broker_has_a_place_for_its_control_socket_and_a_font_for_its_slate() -> None:
    broker = load_compose()["services"]["broker"]
    assert [mount.partition(":")[0] for mount in broker["tmpfs"]] == ["/tmp"]
    assert not {"CONTROL", "XDG_RUNTIME_DIR", "TMPDIR"} & set(broker["environment"])
    assert "fonts-dejavu-core" in (CHECKOUT / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]


def test_the_image_has_the_driver_of_a_state_in_postgres() -> None:
    made = [line for line in (CHECKOUT / "Dockerfile").read_text().splitlines() if "uv sync" in line]
    assert made
    assert all("--extra postgres" in line for line in made)


def test_the_recordings_volume_is_where_the_image_made_a_folder_for_it() -> None:
    text = (CHECKOUT / "Dockerfile").read_text()
    client = load_compose()["services"]["client-1"]
    target = Path(client["volumes"][0].split(":")[1])
    assert str(target) in text
