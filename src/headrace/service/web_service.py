"""The HTTP side of a broker: what it is made of, started after the broker listens and ended before it ends."""

import socket
from typing import TYPE_CHECKING

from headrace.netio.clock import now_us, unix_time_us
from headrace.service.state_desk import StateDesk
from headrace.service.web_desk import WebDesk
from headrace.web.gateway import MediaGateway, Thumbnails
from headrace.web.http_config import HttpConfig
from headrace.web.http_server import HttpServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from headrace.web.chat import Chats


class WebService:
    """Runs from `start` to `stop`.

    Args:
        tcp: Listens already; it is closed at the end.
        config: How it is to be.
        desk: Knows the broker.
        state: What it keeps; closed at the end.
        gateway: Opens sessions of WebRTC; None where there is no WebRTC.
        thumbnails: Makes pictures; None where none are made.
    """

    def __init__(
        self,
        tcp: socket.socket,
        config: HttpConfig,
        desk: WebDesk,
        state: StateDesk,
        *,
        gateway: MediaGateway | None = None,
        thumbnails: Thumbnails | None = None,
    ) -> None:
        self._config = config
        self._desk = desk
        self._state = state
        self._chats: Chats | None = None
        self._gateway = gateway
        self._thumbnails = thumbnails
        self._server = HttpServer(tcp, config, self._make_app)

    def start(self) -> None:
        """Begin to answer, in the running event loop."""
        self._server.start()

    def _make_app(self) -> "ASGIApp":
        # Called in a thread: FastAPI and what else it takes would hold up the broker's start.
        from headrace.web.admin_gate import AdminGate  # noqa: PLC0415
        from headrace.web.app import WebParts, make_app  # noqa: PLC0415
        from headrace.web.chat import Chats  # noqa: PLC0415

        self._chats = Chats(self._state, now_us, unix_time_us)
        return make_app(
            WebParts(
                self._desk,
                self._state,
                self._chats,
                AdminGate(self._state, self._config.admin_token, now_us),
                lambda: self._desk.is_ready,
                now_us,
                self._gateway,
                self._thumbnails,
            )
        )

    async def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        await self._server.stop()
        if self._chats is not None:
            await self._chats.stop()
        self._state.close()
