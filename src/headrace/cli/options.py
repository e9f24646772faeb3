"""Options that several commands take."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from headrace.cli.hostport import AddressError, parse_host_port
from headrace.client.broker_address import BrokerAddress

DEFAULT_BROKER: Final = "127.0.0.1:8890"

ENVIRONMENT_NAMES: Final = (
    "ADMIN_TOKEN", "ADMIN_TOKEN_FILE", "AUDIO", "BACKLOG", "BACKLOG_SIZE", "BITRATE", "BROKER_ADDRESS",
    "BROKER_URL", "COALESCING", "CONTROL", "DELAY", "FILE", "FRAMES", "HOOK", "HOOK_CACHE", "HOOK_TIMEOUT", "HTTP",
    "INPUT", "KEY_LENGTH", "LATENCY", "LISTEN", "LOG_JSON", "LOG_LEVEL", "LOOP", "MAX_BITRATE", "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_ADDRESS", "MAX_RECODED", "MAX_SUBSCRIBERS", "OPEN_TO_ALL", "PACING", "PASSPHRASE",
    "PASSPHRASE_FILE", "PRODUCER_ID", "PUBLIC_ADDRESS", "RATE", "RECODE_FOR_BROWSERS", "RECORD", "SERVE_TAKEOVER",
    "SIZE", "SLATE", "STANDBY", "STATE", "STREAM_KEY", "STREAM_KEY_FILE", "TAKEOVER", "TITLE", "TOKEN",
    "TOKEN_AUDIENCE", "TOKEN_FILE", "TOKEN_ISSUER", "TOKEN_KEYS", "TRUSTED_PROXIES", "WEBRTC_PORT",
)  # fmt: skip
"""Every name that a command takes an option from, so that a command which starts others can leave them out."""

BrokerOption: TypeAlias = Annotated[
    str,
    typer.Option("--broker", metavar="HOST:PORT", envvar="BROKER_ADDRESS", help="Where the broker listens (UDP)."),
]
HttpUrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="URL",
        envvar="BROKER_URL",
        help="The broker's page, such as http://127.0.0.1:8080, to ask what is live there.",
    ),
]
LatencyOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--latency",
        metavar="MS",
        envvar="LATENCY",
        min=20,
        max=8000,
        help="Least SRT latency: time to recover what the network loses. Four round trips are a good choice.",
    ),
]
PassphraseOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        envvar="PASSPHRASE",
        help="Encrypt with this passphrase, 10 to 79 bytes; other users of this machine see it.",
    ),
]
PassphraseFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="PASSPHRASE_FILE", help="A file with the passphrase: they do not."),
]


class KeyLength(Enum):
    """Key lengths in bytes, as they are typed."""

    AES_128 = "16"
    AES_192 = "24"
    AES_256 = "32"

    @property
    def length_bytes(self) -> int:
        """As a number."""
        return int(self.value)


KeyLengthOption: TypeAlias = Annotated[
    KeyLength,
    typer.Option("--key-length", envvar="KEY_LENGTH", help="With a passphrase: AES-128, -192 or -256, in bytes."),
]


def parse_broker(text: str) -> BrokerAddress:
    """Return the broker's address; this machine and port 8890 where they are not said.

    Raises:
        AddressError: ``text`` is no ``HOST:PORT``.
    """
    host, port = parse_host_port(text, default_port=8890)
    if port == 0:
        raise AddressError(f"{text!r} is not a broker's address: the port is a number from 1 to 65535")
    return BrokerAddress(host or "127.0.0.1", port)
