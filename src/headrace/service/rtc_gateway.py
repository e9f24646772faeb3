"""WebRTC as HTTP knows it: there from the broker's start on, while what does it is still being loaded.

Source: ``docs/decisions/0023-browsers.md``.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.media_loop import MediaLoop
from headrace.netio.udp_socket import UdpSocket
from headrace.service.rtc_config import RtcConfig
from headrace.service.status_desk import StatusDesk
from headrace.web.gateway import PatchAnswer, SessionAnswer, SessionLayers

if TYPE_CHECKING:
    from headrace.service.rtc_service import RtcService


class RtcGateway:
    """A `headrace.web.gateway.MediaGateway`.

    Args:
        config: How it is to be.
        udp: Its socket, which is closed at the end.
        srt: Has the channels, and knows who may do what.
        srt_loop: Drives it.
        broker: Host and port at which our own client reaches it.
        desk: Is told what knows of the sessions, once it is there.
    """

    def __init__(
        self,
        config: RtcConfig,
        udp: UdpSocket,
        srt: SrtEndpoint,
        srt_loop: MediaLoop,
        *,
        broker: tuple[str, int],
        desk: StatusDesk,
    ) -> None:
        self._desk = desk
        self._arguments = config, udp, srt, srt_loop, broker
        self._udp = udp
        self._starting: asyncio.Task[RtcService] | None = None

    def start(self) -> None:
        """Begin, in the running event loop, without holding it up."""
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> "RtcService":
        # OpenSSL, libsrtp and certificates take longer to load than the broker to start.
        module: Any = await asyncio.to_thread(import_module, "headrace.service.rtc_service")
        service: RtcService = module.RtcService(*self._arguments)
        service.start()
        self._desk.use_sessions(service.sessions)
        return service

    async def service(self) -> "RtcService":
        """Return what does it, once it is there."""
        if self._starting is None:
            raise AssertionError("it is started before anybody is let in")
        return await asyncio.shield(self._starting)

    async def watch(self, channel_id: str, offer_sdp: str, credential: str | None, host: str) -> SessionAnswer:
        """Let somebody watch."""
        return await (await self.service()).watch(channel_id, offer_sdp, credential, host)

    async def produce(
        self, channel_id: str | None, offer_sdp: str, credential: str | None, host: str
    ) -> SessionAnswer:
        """Let somebody produce."""
        return await (await self.service()).produce(channel_id, offer_sdp, credential, host)

    async def patch(self, session_id: str, fragment: str, etags: frozenset[str] | None) -> PatchAnswer:
        """Take candidates of a session, or restart its ICE."""
        return await (await self.service()).patch(session_id, fragment, etags)

    async def layers(self, session_id: str) -> SessionLayers:
        """Return what who watches may choose from."""
        return await (await self.service()).layers(session_id)

    async def choose_layer(self, session_id: str, rid: str | None) -> None:
        """Have who watches get a layer."""
        await (await self.service()).choose_layer(session_id, rid)

    async def end(self, session_id: str) -> None:
        """End a session."""
        await (await self.service()).end(session_id)

    async def stop(self) -> None:
        """End all sessions, and listen no more."""
        if self._starting is not None:
            service = await self._starting
            await service.stop()
        self._udp.close()
