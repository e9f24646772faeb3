"""``headrace produce``: a producer."""

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.cli.credentials import read_credential, read_passphrase
from headrace.cli.lifetime import run_until_stopped
from headrace.cli.logs import configure_logs
from headrace.cli.options import (
    DEFAULT_BROKER,
    BrokerOption,
    KeyLength,
    KeyLengthOption,
    LatencyOption,
    PassphraseFileOption,
    PassphraseOption,
    parse_broker,
)
from headrace.cli.produce_progress import ProduceProgress
from headrace.cli.refusal_hints import publish_hint
from headrace.cli.sources import SourceChoice, open_stream
from headrace.cli.timed_events import TimedEvents
from headrace.client.publisher import Publisher
from headrace.client.reach import UNREACHABLE_HINT, BrokerUnreachableError
from headrace.media.encoder import EncoderSettings
from headrace.media.live_stream import LiveStream
from headrace.media.pass_through import PassThrough
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError

MAX_SIDE_PIXELS: Final = 8192
"""H.264's highest levels allow pictures of that width."""


class ProduceError(HeadraceError):
    """What was typed cannot be produced."""


def produce(
    channel_id: Annotated[
        str, typer.Argument(metavar="ID", envvar="PRODUCER_ID", help="The channel to produce, such as 1AAA99.")
    ],
    *,
    broker: BrokerOption = DEFAULT_BROKER,
    file: Annotated[Path | None, typer.Option(help="Send a video file. [env var: FILE]")] = None,
    frames: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Send a folder of JPEG or PNG frames. [env var: FRAMES]")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --frames: MP3 segments, one per second of video. [env var: AUDIO]"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="SPEC",
            help="Send a camera or any other FFmpeg input: v4l2:/dev/video0, rtsp://... [env var: INPUT]",
        ),
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Pass on MPEG-TS from standard input.")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Send a test pattern with a running clock and a tone (the default).")
    ] = False,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="FPS", envvar="RATE", help="Frames a second of --frames (25) or the test pattern (30)."
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", envvar="LOOP", help="Begin again at the end.")] = False,
    delay_seconds: Annotated[
        float, typer.Option("--delay", metavar="SECONDS", envvar="DELAY", min=0, help="Start later.")
    ] = 0.0,
    title: Annotated[str | None, typer.Option(envvar="TITLE", help="The channel's title.")] = None,
    facts: Annotated[
        list[str] | None, typer.Option("--fact", metavar="KEY=VALUE", help="A fact about the channel; repeatable.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Timed metadata: a file or FIFO with a JSON object a line, sent as it is read; "at" in it, in '
            "seconds of the stream, holds it back until then.",
        ),
    ] = None,
    bitrate_kbps: Annotated[
        int,
        typer.Option("--bitrate", metavar="KBPS", envvar="BITRATE", min=50, max=100_000, help="Of the picture."),
    ] = 2500,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", envvar="SIZE", help="Scale to this size, such as 1280x720.")
    ] = None,
    keyframe_seconds: Annotated[
        float, typer.Option("--keyframes", metavar="SECONDS", min=0.1, max=60, help="A keyframe this often.")
    ] = 2.0,
    preset: Annotated[str, typer.Option(help="x264's, from ultrafast to veryslow.")] = "veryfast",
    opus: Annotated[
        bool, typer.Option(help="Send the sound as Opus beside AAC, for browsers; 150 kbit/s more.")
    ] = True,
    latency_ms: LatencyOption = 120,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="STREAM_KEY",
            help="The channel's stream key; other users of this machine see it.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="STREAM_KEY_FILE", help="A file with the stream key: they do not."),
    ] = None,
    passphrase: PassphraseOption = None,
    passphrase_file: PassphraseFileOption = None,
    key_length: KeyLengthOption = KeyLength.AES_128,
    takeover: Annotated[
        bool,
        typer.Option("--takeover", envvar="TAKEOVER", help="Replace a live producer of the channel, once."),
    ] = False,
    standby: Annotated[
        bool,
        typer.Option(
            "--standby", envvar="STANDBY", help="Wait behind a live producer, and go on when it falls silent."
        ),
    ] = False,
) -> None:
    """Encode (H.264, AAC and Opus) and send one channel, in real time, reconnecting by itself."""
    configure_logs("info")
    check_channel_id(channel_id)
    if takeover and standby:
        raise ProduceError("choose one of --takeover (TAKEOVER) and --standby (STANDBY): they exclude each other")
    address = parse_broker(broker)
    credential = read_credential(key, key_file, variable="STREAM_KEY", what="stream key")
    secret = read_passphrase(passphrase, passphrase_file)
    width, height = _parse_size(size)
    settings = EncoderSettings(
        width=width,
        height=height,
        video_bitrate_bps=bitrate_kbps * 1000,
        keyframe_interval_ms=round(keyframe_seconds * 1000),
        preset=preset,
        has_opus=opus,
    )
    choice = SourceChoice(file, frames, audio, source, stdin, test).completed()
    try:
        stream = open_stream(
            choice, settings, rate=_parse_rate(rate), title=title, facts=_parse_facts(facts or []), loop=loop
        )
        timed = TimedEvents(events, stream) if events is not None else None
    except (ValueError, OSError) as error:
        raise ProduceError(str(error)) from None
    publisher = Publisher(
        address,
        channel_id,
        stream,
        latency_ms=latency_ms,
        takeover=takeover,
        standby=standby,
        credential=credential,
        passphrase=secret,
        key_length_bytes=key_length.length_bytes,
    )
    try:
        asyncio.run(run_until_stopped(_run(publisher, stream, channel_id, delay_seconds, timed)))
    except ConnectTimeoutError:
        raise BrokerUnreachableError(f"no broker answers at {address}: {UNREACHABLE_HINT}") from None
    except ConnectionRejectedError as error:
        raise ProduceError(
            f"{address} {error}{publish_hint(error.code, has_key=credential is not None)}"
        ) from None
    except OSError as error:
        raise BrokerUnreachableError(
            f"cannot reach {address}: {error.strerror or error}: {UNREACHABLE_HINT}"
        ) from None


async def _run(
    publisher: Publisher,
    stream: LiveStream | PassThrough,
    channel_id: str,
    delay_seconds: float,
    timed: TimedEvents | None,
) -> None:
    progress = ProduceProgress(channel_id, publisher, stream)
    try:
        with progress:
            showing = asyncio.create_task(progress.run(delay_seconds))
            try:
                await asyncio.sleep(delay_seconds)
                if timed is not None:
                    timed.start()
                await publisher.run()
            finally:
                showing.cancel()
    finally:
        progress.print_summary()
    if stream.counters.ts_bytes == 0:
        raise ProduceError("the source ended before it gave anything: nothing was sent")


def _parse_size(text: str | None) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    width, by, height = text.lower().partition("x")
    if not (by and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise ProduceError(f"{text!r} is not a size: write it as 1280x720")
    if not 0 < int(width) <= MAX_SIDE_PIXELS or not 0 < int(height) <= MAX_SIDE_PIXELS:
        raise ProduceError(f"{text!r} is not a size that can be encoded: give one from 2x2 to 8192x8192")
    return int(width), int(height)


def _parse_rate(text: str | None) -> Fraction | None:
    if not text:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ProduceError(f"{text!r} is not a frame rate: write 25, 29.97 or 30000/1001") from None
    if not 0 < rate <= 240:
        raise ProduceError(f"a frame rate of {text} cannot be sent: give one from above 0 to 240")
    return rate


def _parse_facts(items: list[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ProduceError(f"{item!r} is not a fact: write it as KEY=VALUE")
        facts[key] = value
    return facts
