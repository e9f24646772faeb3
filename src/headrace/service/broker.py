"""A broker built from one configuration, run and stopped.

::

    async with Broker(BrokerConfig(port=8890)) as broker:
        await stop.wait()
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self

import structlog

from headrace.access.directory import OPEN_DIRECTORY, Directory
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.base.sockaddr import decode_sockaddr, format_sockaddr
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.fanout.ring import DEFAULT_BACKLOG_AGE_US, DEFAULT_BACKLOG_BYTES, BacklogLimit
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.mpegts.slate_player import Slate
from headrace.netio.capabilities import Capabilities, probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes
from headrace.netio.media_loop import MediaLoop
from headrace.netio.peer_lines import PeerLines
from headrace.netio.socket_buffers import granted_buffers
from headrace.netio.udp_socket import DEFAULT_BUFFER_BYTES, UdpSocket
from headrace.service.admission_hook import AdmissionHook, HookConfig
from headrace.service.channel_thumbnails import ChannelThumbnails
from headrace.service.control_desk import ControlDesk
from headrace.service.control_service import CONTROL_OFF, ControlService
from headrace.service.keyframe_backlog import KeyframeBacklog
from headrace.service.rtc_config import RtcConfig, RtcListenError, bind_for_browsers
from headrace.service.rtc_gateway import RtcGateway
from headrace.service.state_desk import StateDesk
from headrace.service.state_follower import StateChoice, StateFollower
from headrace.service.status_desk import StatusDesk
from headrace.service.token_key_file import TokenKeyFile
from headrace.service.token_key_follower import TokenKeyFollower
from headrace.service.web_desk import WebDesk
from headrace.service.web_service import WebService
from headrace.srt.listener import ListenerOptions
from headrace.web.http_config import HttpConfig
from headrace.web.listening_socket import HttpListenError, listen_on
from headrace.web.public_channels import PublicChannels

DEFAULT_PORT: Final = 8890
DEFAULT_BACKLOG_SECONDS: Final = DEFAULT_BACKLOG_AGE_US / 1e6
DEFAULT_BACKLOG_MEGABYTES: Final = DEFAULT_BACKLOG_BYTES / 1e6
GATHER_US: Final = 5_000
"""How long subscribers' acknowledgements and loss reports gather, half a receiver's ACK interval: settling a batch
costs 80 us and 0.3 us for each ACK in it, and 300 subscribers send 20,000 a second. While nothing is lost they
gather for longer: `headrace.endpoints.patience`."""
SHARED_GATHER_US: Final = 1_000
"""The same where producers' packets come through the same socket: they wait 0.5 ms in the median."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """How a broker is to be.

    Attributes:
        host: Address to listen on; None is all, IPv4 and IPv6.
        port: UDP port; 0 lets the system choose.
        latency_ms: Least SRT latency between producers and the broker.
        backlog_seconds: How far back the keyframe may lie with which a new subscriber starts; 0 lets everybody
            start with the next packet.
        backlog_megabytes: How much may lie between; more lets a new subscriber start with the next packet.
        slate_text: What a still picture says that subscribers get while nobody produces; empty for no picture.
        takeover: Let every producer replace the one before it, as if it had asked for that.
        limits: How much of everything it bears.
        control: Where it can be asked for its status: ``auto``, ``off``, or the path of a Unix domain socket.
        pacing_megabits: What it sends over SRT comes to no more a second, smoothed by the kernel; 0: no limit.
        coalescing: Whether packets may wait a moment for others, so that one turn serves them all.
        capabilities: Fast paths to use; None probes the machine.
        hook: Which other service is asked about everybody who comes; None for none.
        state: Where channels and keys are; None lets anybody publish and watch.
        token_keys: A file of keys that tokens may be signed with, besides those of the state; None for none.
        http: Where it serves HTTP; None for nowhere.
        rtc: How it does WebRTC, where it serves HTTP; None for not at all.
    """

    host: str | None = None
    port: int = DEFAULT_PORT
    latency_ms: int = 120
    backlog_seconds: float = DEFAULT_BACKLOG_SECONDS
    backlog_megabytes: float = DEFAULT_BACKLOG_MEGABYTES
    slate_text: str = ""
    takeover: bool = False
    limits: Limits = DEFAULT_LIMITS
    control: str = CONTROL_OFF
    pacing_megabits: float = 0
    coalescing: bool = True
    capabilities: Capabilities | None = None
    hook: HookConfig | None = None
    state: StateChoice | None = None
    token_keys: TokenKeyFile | None = None
    http: HttpConfig | None = None
    rtc: RtcConfig | None = None


class Broker:
    """Listens while its ``async with`` block runs.

    Args:
        config: How it is to be.

    Raises:
        OSError: On entry, if the address cannot be listened on.
        TokenKeyFileError: On entry, if the file of token keys cannot be used.
        HttpListenError: On entry, if HTTP cannot be served where it is to be.
        RtcListenError: On entry, if browsers cannot be listened to where it is to be.
    """

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._slate_task: asyncio.Task[None] | None = None
        self._hook: AdmissionHook | None = None
        self._follower = None if config.state is None else StateFollower(config.state, self.use_directory)
        self._directory: Directory | None = None
        # With the keys of the file of token keys.
        self._whole_directory = OPEN_DIRECTORY if self._follower is None else None
        self._token_keys: TokenKeyFollower | None = None
        self._web: WebService | None = None
        self._rtc: RtcGateway | None = None
        self._thumbnails: ChannelThumbnails | None = None

    async def __aenter__(self) -> Self:
        if self._config.token_keys is not None:
            self._token_keys = TokenKeyFollower(self._config.token_keys, self._hand_over)
            await self._token_keys.start()
        capabilities = self._config.capabilities or probe_capabilities()
        self._socket = UdpSocket.bind(self._config.host, self._config.port, capabilities=capabilities)
        self._tcp = None if self._config.http is None else self._listen_for_http(self._config.http)
        rtc = None if self._tcp is None else self._config.rtc
        self._rtc_socket = None if rtc is None else self._listen_for_browsers(rtc)
        options = ListenerOptions(receive_latency_ms=self._config.latency_ms)
        self._endpoint = SrtEndpoint(
            options,
            self._socket,
            random_bytes,
            backlog=BacklogLimit(
                round(1e6 * self._config.backlog_seconds), round(1e6 * self._config.backlog_megabytes)
            ),
            takeover=self._config.takeover,
            limits=self._config.limits,
            # Callers get no answer before the state is there, and ask again after 250 ms.
            directory=self._whole_directory,
        )
        self._loop = MediaLoop(
            self._socket,
            self._endpoint,
            gather_us=self._gather_us(capabilities),
            patience_us=self._patience_us if self._config.coalescing and capabilities.peer_sockets else None,
            is_coalescing=self._config.coalescing,
            on_error=_report_bug,
        )
        self._lines = PeerLines(self._socket, self._loop)
        self._endpoint.use_lines(self._lines)
        await self._start_hook()
        self._loop.start()
        _log.info(
            "listening",
            srt=format_sockaddr(self._socket.local_address),
            fast_paths=capabilities.describe(),
            receive_buffer_bytes=self._socket.receive_buffer_bytes,
        )
        self._warn_of_small_buffers()
        if self._config.pacing_megabits and not self._socket.limit_rate(round(1e6 * self._config.pacing_megabits)):
            _log.warning(
                "this system cannot pace what is sent: packets leave as fast as the network card takes them"
            )
        if self._follower is not None:
            self._follower.start()
        for_browsers = () if self._rtc_socket is None else (self._rtc_socket,)
        self._desk = StatusDesk(self._endpoint, self._socket, self._loop, for_browsers)
        desk = WebDesk(self._desk, self._endpoint, self._loop, lambda: self._whole_directory)
        control_desk = ControlDesk(self._desk, PublicChannels(desk, now_us, self._describe))
        self._control = ControlService(control_desk, self.port, self._config.control)
        await self._control.start()
        self._start_web(desk)
        if self._config.slate_text:
            self._slate_task = asyncio.create_task(self._make_slate())
        return self

    def _listen_for_http(self, config: HttpConfig) -> socket.socket:
        try:
            return listen_on(config.host, config.port)
        except HttpListenError:
            self._socket.close()
            raise

    def _listen_for_browsers(self, config: RtcConfig) -> UdpSocket:
        try:
            return bind_for_browsers(config)
        except RtcListenError:
            self._socket.close()
            if self._tcp is not None:
                self._tcp.close()
            raise

    def _own_address(self) -> tuple[str, int]:
        """Return where our own client reaches the broker."""
        host, port, _ = decode_sockaddr(self._socket.local_address)
        return ("127.0.0.1" if ip_address(host).is_unspecified else host), port

    def _describe(self, channel_id: str) -> Mapping[str, Any]:
        """Return what a thumbnail has shown of a channel."""
        return {} if self._thumbnails is None else self._thumbnails.describe(channel_id)

    def _start_web(self, desk: WebDesk) -> None:
        if self._config.http is None or self._tcp is None:
            return
        self._desk.start()
        state = (
            StateDesk(None)
            if self._config.state is None or self._follower is None
            else StateDesk(self._config.state.place, self._follower.catch_up)
        )
        if self._config.rtc is not None and self._rtc_socket is not None:
            self._rtc = RtcGateway(
                self._config.rtc,
                self._rtc_socket,
                self._endpoint,
                self._loop,
                broker=self._own_address(),
                desk=self._desk,
            )
            self._rtc.start()
        # Imported here: it comes from the room of decoders, none of which are loaded before a broker listens.
        from headrace.media.thumbnailer import Thumbnailer  # noqa: PLC0415

        backlog = KeyframeBacklog(self._endpoint, self._loop)
        self._thumbnails = ChannelThumbnails(backlog.read, Thumbnailer())
        self._web = WebService(
            self._tcp, self._config.http, desk, state, gateway=self._rtc, thumbnails=self._thumbnails
        )
        self._web.start()

    async def _start_hook(self) -> None:
        """Have another service asked from the first caller on, if one is set."""
        config = self._config.hook
        if config is None:
            return
        self._hook = AdmissionHook(config, self._handle_verdict)
        await self._hook.start()
        self._endpoint.use_hook(self._hook, round(1e6 * config.cache_seconds))

    async def _handle_verdict(self, question: HookQuestion, verdict: HookVerdict) -> None:
        await self._loop.call(lambda: self._endpoint.handle_verdict(question, verdict, now_us()))

    def _gather_us(self, capabilities: Capabilities) -> int:
        if not self._config.coalescing:
            return 0
        return GATHER_US if capabilities.peer_sockets else SHARED_GATHER_US

    def _patience_us(self, now_us: int) -> int | None:
        """Return how long the common socket may gather: as usual while it brings producers' packets."""
        has_all = len(self._lines) >= self._endpoint.producer_count
        return self._endpoint.wait_us(now_us) if has_all else None

    async def ready(self) -> None:
        """Wait until it knows who may do what; before that it answers no caller.

        Raises:
            StateError: The state cannot be used.
        """
        if self._follower is not None:
            await self._follower.ready()

    async def use_directory(self, directory: Directory) -> None:
        """Decide by ``directory`` from now on, and by the keys of the file of token keys besides its own."""
        self._directory = directory
        await self._hand_over()

    async def _hand_over(self) -> None:
        directory, file = self._directory, self._config.token_keys
        if directory is None:
            return
        if file is not None:
            directory = replace(directory, token_keys=(*directory.token_keys, *file.keys))
        await self._loop.call(lambda: self._endpoint.use_directory(directory, now_us()))
        self._whole_directory = directory

    def _warn_of_small_buffers(self) -> None:
        udp = self._socket
        granted = granted_buffers(udp.receive_buffer_bytes, udp.send_buffer_bytes, DEFAULT_BUFFER_BYTES)
        advice = granted.advice()
        if advice is not None:
            _log.warning(
                "socket buffers are smaller than asked for: bursts may be lost", **asdict(granted), advice=advice
            )

    async def _make_slate(self) -> None:
        try:
            slate = await asyncio.to_thread(_encode_slate, self._config.slate_text)
        except Exception as error:  # noqa: BLE001 - FFmpeg and Pillow raise many kinds, an FFmpeg without x264 ValueError
            _log.error("the slate could not be made; the broker goes on without", reason=str(error))
        else:
            await self._loop.call(lambda: self._endpoint.use_slate(slate, now_us()))
            _log.info("slate made", text=self._config.slate_text)

    @property
    def endpoint(self) -> SrtEndpoint:
        """The broker's SRT endpoint, with its channels and subscribers."""
        return self._endpoint

    @property
    def loop(self) -> MediaLoop:
        """What drives the endpoint: whatever is asked of that is asked through it."""
        return self._loop

    @property
    def desk(self) -> StatusDesk:
        """What knows what the broker is doing."""
        return self._desk

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        return decode_sockaddr(self._socket.local_address)[1]

    @property
    def http_port(self) -> int | None:
        """The TCP port on which it serves HTTP; None where it does not."""
        return None if self._tcp is None else int(self._tcp.getsockname()[1])

    @property
    def rtc(self) -> RtcGateway | None:
        """What browsers watch and produce through, or None."""
        return self._rtc

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._slate_task is not None:
            self._slate_task.cancel()
        await self._control.stop()
        if self._web is not None:
            await self._web.stop()
        if self._rtc is not None:
            await self._rtc.stop()
        if self._thumbnails is not None:
            await self._thumbnails.close()
        self._desk.stop()
        if self._follower is not None:
            await self._follower.stop()
        if self._token_keys is not None:
            await self._token_keys.stop()
        self._loop.stop()
        self._endpoint.close(now_us())
        if self._hook is not None:
            await self._hook.stop()
        self._lines.close_all()
        self._socket.close()
        _log.info("stopped", ignored_packets=dict(+self._endpoint.ignored_packets))


def _encode_slate(text: str) -> Slate:
    # Imported here, in a thread: FFmpeg and Pillow take longer to load than the broker to start.
    from headrace.media.slate import make_slate  # noqa: PLC0415

    return make_slate(text)


def _report_bug(error: Exception) -> None:
    _log.error("a packet met a bug; it was dropped and the broker goes on", exc_info=error)
