"""``compose.yaml`` with the values of ``.env`` put in, as ``docker compose`` would do it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from dotenv import dotenv_values

CHECKOUT: Final = Path(__file__).parents[2]
_VARIABLE: Final = re.compile(r"\$\{([A-Z0-9_]+)\}")


def env_values() -> dict[str, str]:
    """Return what the committed ``.env`` says."""
    return {name: value or "" for name, value in dotenv_values(CHECKOUT / ".env").items()}


def compose_text() -> str:
    """Return the file as it stands."""
    return (CHECKOUT / "compose.yaml").read_text()


def used_names() -> set[str]:
    """Return the names of all variables that the file uses."""
    return set(_VARIABLE.findall(compose_text()))


def load_compose() -> dict[str, Any]:
    """Return the file with its variables put in.

    Raises:
        KeyError: ``.env`` lacks one of them.
    """
    values = env_values()
    loaded: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda match: values[match[1]], compose_text()))
    return loaded


@dataclass(frozen=True, slots=True)
class Service:
    """What a container of the file runs.

    Attributes:
        name: Of the service.
        arguments: Of ``headrace``.
        environment: What the container's process sees.
        binds: Absolute path of the checkout's file or folder, by where it is in the container.
    """

    name: str
    arguments: list[str]
    environment: dict[str, str]
    binds: dict[str, Path]


def services() -> dict[str, Service]:
    """Return the services by name."""
    return {
        name: Service(
            name,
            list(entry["command"]),
            {key: str(value if value is not None else "") for key, value in entry.get("environment", {}).items()},
            {
                volume["target"]: (CHECKOUT / volume["source"]).resolve()
                for volume in entry.get("volumes", [])
                if isinstance(volume, dict)
            },
        )
        for name, entry in load_compose()["services"].items()
    }
