"""Answers what this machine's user asks of a running broker: its status, or what its channels show.

Source: ``docs/decisions/0012-local-control-socket.md``.
"""

import json
from collections.abc import AsyncIterator

from headrace.service.broker_status import STATUS_VERSION
from headrace.service.status_desk import StatusDesk
from headrace.web.public_channels import PublicChannels


class ControlDesk:
    """Asks those who know.

    Args:
        status: Of the broker.
        channels: What is said of them.
    """

    def __init__(self, status: StatusDesk, channels: PublicChannels) -> None:
        self._status = status
        self._channels = channels

    def start(self) -> None:
        """Begin to look at the broker, in the running event loop; a second time does nothing."""
        self._status.start()

    async def pieces(self, request: dict[str, object]) -> AsyncIterator[str]:
        """Give the answer to ``{"want": "channels"}``, or what `StatusDesk.pieces` answers, as pieces of JSON."""
        if request.get("want") == "channels":
            yield json.dumps({"version": STATUS_VERSION, "channels": await self._channels.everything()})
            return
        async for piece in self._status.pieces(request):
            yield piece
