"""``headrace serve``: the broker."""

import asyncio
import contextlib
import errno
import gc
import sys
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.base.errors import HeadraceError
from headrace.cli.credentials import read_admin_token
from headrace.cli.hostport import LOOPBACK, format_host_port, host_from_here, parse_host_port
from headrace.cli.lifetime import run_until_stopped
from headrace.cli.logs import LogLevel, configure_logs
from headrace.cli.paste_lines import publishing_lines
from headrace.cli.plain_structlog import structlog
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.netio.open_files import raise_open_file_limit
from headrace.service.admission_hook import DEFAULT_CACHE_SECONDS, DEFAULT_TIMEOUT_SECONDS, HookConfig
from headrace.service.broker import (
    DEFAULT_BACKLOG_MEGABYTES,
    DEFAULT_BACKLOG_SECONDS,
    DEFAULT_PORT,
    Broker,
    BrokerConfig,
)
from headrace.service.control_service import CONTROL_AUTO
from headrace.service.rtc_config import DEFAULT_RTC_PORT, RtcConfig
from headrace.service.state_follower import StateChoice
from headrace.service.token_key_file import DEFAULT_AUDIENCE, DEFAULT_ISSUER, TokenKeyFile
from headrace.web.http_config import DEFAULT_HTTP_PORT, LOOPBACK_PROXIES, HttpConfig, networks_of

STATE_OFF: Final = "off"
HTTP_OFF: Final = "off"
DEFAULT_HTTP: Final = f"{LOOPBACK}:{DEFAULT_HTTP_PORT}"
OPEN_WARNING: Final = (
    "OPEN TO ALL: whoever reaches this port can publish any channel, as --open or OPEN_TO_ALL says"
)

_log = structlog.get_logger()


class ListenError(HeadraceError):
    """The broker cannot listen where it was told to."""


def serve(
    *,
    listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            envvar="LISTEN",
            help="Where to listen (UDP). Without a host: on all addresses, IPv4 and IPv6.",
        ),
    ] = f":{DEFAULT_PORT}",
    latency_ms: Annotated[
        int,
        typer.Option(
            "--latency",
            metavar="MS",
            envvar="LATENCY",
            min=20,
            max=8000,
            help="Least time for recovering what is lost between a producer and the broker.",
        ),
    ] = 120,
    backlog_seconds: Annotated[
        float,
        typer.Option(
            "--backlog",
            metavar="SECONDS",
            envvar="BACKLOG",
            min=0,
            max=60,
            help="A new subscriber starts at the newest keyframe that is not older; 0: at the next packet.",
        ),
    ] = DEFAULT_BACKLOG_SECONDS,
    backlog_megabytes: Annotated[
        float,
        typer.Option(
            "--backlog-size",
            metavar="MB",
            envvar="BACKLOG_SIZE",
            min=0.1,
            max=40,
            help="And if no more than this lies between the keyframe and now.",
        ),
    ] = DEFAULT_BACKLOG_MEGABYTES,
    slate_text: Annotated[
        str,
        typer.Option(
            "--slate",
            metavar="TEXT",
            envvar="SLATE",
            help="Show subscribers this line on a dark picture while nobody produces; empty: send nothing.",
        ),
    ] = "",
    takeover: Annotated[
        bool,
        typer.Option(
            "--takeover",
            envvar="SERVE_TAKEOVER",
            help="Let a second producer of a channel replace the first at its next keyframe, asked for or not.",
        ),
    ] = False,
    max_connections: Annotated[
        int,
        typer.Option(
            metavar="N",
            envvar="MAX_CONNECTIONS",
            min=1,
            help="Most producers and subscribers together; more get 2402.",
        ),
    ] = DEFAULT_LIMITS.connections,
    max_connections_per_address: Annotated[
        int,
        typer.Option(
            metavar="N",
            envvar="MAX_CONNECTIONS_PER_ADDRESS",
            min=1,
            help="Most of one address; of IPv6 a /64 counts as one.",
        ),
    ] = DEFAULT_LIMITS.connections_per_host,
    max_subscribers: Annotated[
        int,
        typer.Option(metavar="N", envvar="MAX_SUBSCRIBERS", min=1, help="Most subscribers of one channel."),
    ] = DEFAULT_LIMITS.subscribers_per_channel,
    max_bitrate_megabits: Annotated[
        float,
        typer.Option(
            "--max-bitrate",
            metavar="MBIT",
            envvar="MAX_BITRATE",
            min=0,
            max=10_000,
            help="Send a producer away that sends more a second on average; 0: no limit.",
        ),
    ] = DEFAULT_LIMITS.producer_bits_per_second / 1e6,
    control: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            envvar="CONTROL",
            help="Where 'headrace status' asks: a socket at this path; auto: in your own folder; off: nowhere.",
        ),
    ] = CONTROL_AUTO,
    pacing_megabits: Annotated[
        float,
        typer.Option(
            "--pacing",
            metavar="MBIT",
            envvar="PACING",
            min=0,
            max=400_000,
            help="Send no more than this a second over SRT, evenly (where Linux queues with fq); 0: at once.",
        ),
    ] = 0,
    state: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            envvar="STATE",
            help="Where channels and keys are kept: a folder, or postgresql://USER@HOST/DATABASE; off, which goes "
            "with --open: nowhere.",
        ),
    ] = "",
    is_open: Annotated[
        bool,
        typer.Option(
            "--open",
            envvar="OPEN_TO_ALL",
            help="Let anybody publish any channel, without a key: only where nobody but you reaches the port.",
        ),
    ] = False,
    token_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="TOKEN_KEYS",
            help="A JWKS file: what another program signs tokens with; read again when it changes.",
        ),
    ] = None,
    token_issuer: Annotated[
        str,
        typer.Option(
            metavar="NAME", envvar="TOKEN_ISSUER", help="Claim iss of their tokens, where the file does not say."
        ),
    ] = DEFAULT_ISSUER,
    token_audience: Annotated[
        str,
        typer.Option(metavar="NAME", envvar="TOKEN_AUDIENCE", help="Claim aud that they must have, likewise."),
    ] = DEFAULT_AUDIENCE,
    hook: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="HOOK",
            show_default=False,
            help="Another service that is asked, by POST, before anybody is let in; without an answer nobody is.",
        ),
    ] = "",
    hook_timeout_seconds: Annotated[
        float,
        typer.Option(
            "--hook-timeout",
            metavar="SECONDS",
            envvar="HOOK_TIMEOUT",
            min=0.1,
            max=10,
            help="How long it may take; callers give up after three seconds.",
        ),
    ] = DEFAULT_TIMEOUT_SECONDS,
    hook_cache_seconds: Annotated[
        float,
        typer.Option(
            "--hook-cache",
            metavar="SECONDS",
            envvar="HOOK_CACHE",
            min=3,
            max=3600,
            help="How long its answer holds for the same question.",
        ),
    ] = DEFAULT_CACHE_SECONDS,
    http: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            envvar="HTTP",
            help="Where pages, API, WHIP and WHEP are served (TCP); no host: on all addresses; off: nowhere.",
        ),
    ] = DEFAULT_HTTP,
    admin_token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="ADMIN_TOKEN_FILE",
            help="A file with a token that opens the operator's page and API, beside that of the state.",
        ),
    ] = None,
    admin_token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="ADMIN_TOKEN",
            help="The same as text: on a command line other users of this machine see it.",
        ),
    ] = None,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            metavar="HOST[,HOST]",
            envvar="TRUSTED_PROXIES",
            help="Reverse proxies: addresses or networks whose X-Forwarded-For is believed.",
        ),
    ] = LOOPBACK_PROXIES,
    webrtc_port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            envvar="WEBRTC_PORT",
            min=0,
            max=65535,
            help="UDP port for browsers, OBS and FFmpeg by WHIP and WHEP, where HTTP is served.",
        ),
    ] = DEFAULT_RTC_PORT,
    public_addresses: Annotated[
        str,
        typer.Option(
            "--public-address",
            metavar="IP[,IP]",
            envvar="PUBLIC_ADDRESS",
            show_default=False,
            help="At which addresses browsers reach that port, behind NAT or in Docker; otherwise this machine's.",
        ),
    ] = "",
    recode_for_browsers: Annotated[
        bool,
        typer.Option(
            envvar="RECODE_FOR_BROWSERS",
            help="Encode channels with B-frames again, which no browser plays: half a core for 1080p30.",
        ),
    ] = False,
    max_recoded_channels: Annotated[
        int,
        typer.Option(
            "--max-recoded",
            metavar="N",
            envvar="MAX_RECODED",
            min=1,
            max=1000,
            help="So many channels at a time, while browsers watch them.",
        ),
    ] = 1,
    coalescing: Annotated[
        bool,
        typer.Option(
            envvar="COALESCING",
            help="Let packets wait up to 1 ms for others: no handles each at once, for more processor time.",
        ),
    ] = True,
    log_level: Annotated[LogLevel, typer.Option(envvar="LOG_LEVEL", help="The least that is logged.")] = "info",
    log_json: Annotated[
        bool, typer.Option("--log-json", envvar="LOG_JSON", help="Log one JSON object a line, for machines.")
    ] = False,
) -> None:
    """Run the broker until SIGINT or SIGTERM."""
    configure_logs(log_level, json=log_json)
    host, port = parse_host_port(listen, default_port=DEFAULT_PORT)
    config = BrokerConfig(
        host or None,
        port,
        latency_ms,
        backlog_seconds,
        backlog_megabytes,
        slate_text=slate_text.strip(),
        takeover=takeover,
        limits=Limits(
            connections=max_connections,
            connections_per_host=max_connections_per_address,
            subscribers_per_channel=max_subscribers,
            producer_bits_per_second=round(1e6 * max_bitrate_megabits),
        ),
        control=control,
        pacing_megabits=pacing_megabits,
        state=None
        if state == STATE_OFF
        else StateChoice(state, is_open, partial(_tell_first_key, host, port), partial(_tell_admin_token, http)),
        token_keys=None if token_keys is None else TokenKeyFile(token_keys, token_issuer, token_audience),
        hook=HookConfig(hook, hook_timeout_seconds, hook_cache_seconds) if hook else None,
        coalescing=coalescing,
        http=_http_config(http, read_admin_token(admin_token, admin_token_file), trusted_proxies),
        rtc=RtcConfig(
            host or None,
            webrtc_port,
            _addresses(public_addresses),
            max_recoded_channels=max_recoded_channels if recode_for_browsers else 0,
        ),
    )
    if state == STATE_OFF and not is_open:
        raise ListenError("without a state nobody has a key to publish with: add --open, or name a --state")
    if is_open:
        _warn_that_it_is_open()
    raise_open_file_limit()
    try:
        asyncio.run(run_until_stopped(_run(config)))
        # All is closed by now. Else Python looks for garbage among what was loaded for HTTP before it ends: 0.3 s.
        gc.freeze()
    except OSError as error:
        raise ListenError(_explain(listen, error)) from None
    except ValueError as error:
        raise ListenError(str(error)) from None


def _http_config(http: str, admin_token: str | None, trusted_proxies: str) -> HttpConfig | None:
    if http == HTTP_OFF:
        return None
    host, port = parse_host_port(http, default_port=DEFAULT_HTTP_PORT)
    try:
        proxies = networks_of(trusted_proxies)
    except ValueError as error:
        raise ListenError(f"--trusted-proxies takes IP addresses and networks: {error}") from None
    return HttpConfig(host or None, port, admin_token, proxies)


def _addresses(text: str) -> tuple[str, ...]:
    """Return numeric addresses that are separated by commas.

    Raises:
        ListenError: One of them is none.
    """
    addresses = tuple(address.strip() for address in text.split(",") if address.strip())
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            raise ListenError(f"--public-address takes IP addresses, and {address!r} is none") from None
    return addresses


def _explain(listen: str, error: OSError) -> str:
    hint = "choose another address with --listen HOST:PORT"
    if error.errno == errno.EADDRINUSE:
        hint = f"another broker may be running there: end it, or {hint}"
    return f"cannot listen on UDP {listen}: {error.strerror or error}: {hint}"


async def _run(config: BrokerConfig) -> None:
    async with Broker(config) as broker:
        # What has been loaded stays: a full collection took over 100 ms to find that out, on a busy machine.
        gc.freeze()
        await broker.ready()
        gc.freeze()
        await asyncio.Event().wait()


def _warn_that_it_is_open() -> None:
    _log.warning(OPEN_WARNING)


def _tell_first_key(host: str, port: int, channel_id: str, key: str) -> None:
    """Show the key of the first channel once, beside the log and not in it: logs are kept and passed on."""
    at = format_host_port(host_from_here(host), port)
    lines = [
        f"first start: channel {channel_id} was made, and a key to publish it with, which is shown this once:",
        "",
        f"  {key}",
        "",
        *publishing_lines(at, channel_id, key),
        f"watch     headrace client {channel_id} --play",
        "",
    ]
    _tell(lines)


def _tell_admin_token(http: str, token: str) -> None:
    """Show the first admin token once, as the first key."""
    if http != HTTP_OFF:
        host, port = parse_host_port(http, default_port=DEFAULT_HTTP_PORT)
        at = format_host_port(host_from_here(host), port)
        _tell(
            [
                f"operate   http://{at}/operate with this admin token, which is shown this once:",
                "",
                f"  {token}",
                "",
            ]
        )


def _tell(lines: list[str]) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
