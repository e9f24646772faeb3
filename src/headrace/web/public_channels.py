"""What anybody may know of channels: what a page shows, made of the broker's status.

Of a public channel everything here, of an unlisted one to who knows its id, of a private one to who may watch it.

Source: ``docs/reference/http-api.md``.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from headrace.access.channel_rule import Visibility
from headrace.remux.reordering import REORDERING_NOTICE
from headrace.web.gateway import BrokerDesk

Describe: TypeAlias = Callable[[str], Mapping[str, Any]]

FRESH_US: Final = 500_000
"""A thousand pages that ask each second cost the broker two looks."""


class PublicChannels:
    """Answers what is live.

    Args:
        desk: Knows it.
        now_us: Tells the time.
        describe: Tells more of a channel that is live, as `headrace.web.gateway.Thumbnails` does.
    """

    def __init__(
        self,
        desk: BrokerDesk,
        now_us: Callable[[], int],
        describe: Describe | None = None,
    ) -> None:
        self._desk = desk
        self._describe = describe
        self._now_us = now_us
        self._looking = asyncio.Lock()
        self._seen: dict[str, Any] = {}
        self._seen_us: int | None = None

    async def status(self) -> dict[str, Any]:
        """Return the broker's status, not older than `FRESH_US`."""
        async with self._looking:
            if self._seen_us is None or self._now_us() - self._seen_us > FRESH_US:
                self._seen = await self._desk.status()
                self._seen_us = self._now_us()
            return self._seen

    async def listed(self) -> dict[str, Any]:
        """Return all channels that a list may show, those that are live first."""
        status = await self.status()
        views = [self._view(one, status) for one in status["channels"]]
        channels = [view for view, visibility in views if visibility is Visibility.PUBLIC]
        return {
            "unix_ms": status["broker"]["unix_ms"],
            "srt_port": srt_port(status),
            "is_open": self._desk.is_open,
            "channels": sort_channels(channels),
        }

    async def everything(self) -> list[dict[str, Any]]:
        """Return all channels, also those that no list may show, those that are live first."""
        status = await self.status()
        return sort_channels([self._view(one, status)[0] for one in status["channels"]])

    async def find(self, channel_id: str) -> dict[str, Any] | None:
        """Return one channel, whoever may see it; None while nobody produces or watches it."""
        status = await self.status()
        return next((self._view(one, status)[0] for one in status["channels"] if one["id"] == channel_id), None)

    def _view(self, channel: dict[str, Any], status: dict[str, Any]) -> tuple[dict[str, Any], Visibility | None]:
        visibility = self._desk.visibility(channel["id"])
        if self._describe is not None and channel["state"] == "live":
            channel = {**channel, **self._describe(channel["id"])}
        can_recode = bool(status["broker"].get("max_recoded_channels"))
        is_private = visibility is Visibility.PRIVATE
        return channel_view(channel, is_private=is_private, can_recode=can_recode), visibility


def srt_port(status: dict[str, Any]) -> int:
    """Return the UDP port for SRT of a broker whose status this is."""
    return int(status["broker"]["listen"].rpartition(":")[2])


def sort_channels(views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return channels as a list shows them: live ones first, and of these those that most people watch."""
    return sorted(views, key=lambda one: (one["state"] != "live", -one["viewers"], one["id"]))


def channel_view(channel: dict[str, Any], *, is_private: bool, can_recode: bool = False) -> dict[str, Any]:
    """Return what a page shows of a channel of the status.

    Args:
        channel: As the status has it.
        is_private: Whether it takes a token.
        can_recode: Whether the broker re-encodes what browsers do not play.
    """
    is_live = channel["state"] == "live"
    in_browsers = _in_browsers(channel, can_recode=can_recode)
    notice = channel.get("notice")
    if notice is None and in_browsers == "not":
        # No browser has asked for it yet: what was seen when its picture was made has no words of its own.
        notice = REORDERING_NOTICE
    return {
        "id": channel["id"],
        "title": channel.get("title"),
        "state": channel["state"],
        "live_seconds": channel["state_seconds"] if is_live else None,
        "viewers": channel["subscribers"]["count"] + channel.get("sessions", {}).get("count", 0),
        "thumbnail": is_live,
        "is_private": is_private,
        "video": channel.get("video"),
        "has_reordering": channel.get("has_reordering", False),
        "notice": notice,
        "layers": channel.get("layers", []),
        "in_browsers": in_browsers,
    }


def _in_browsers(channel: dict[str, Any], *, can_recode: bool) -> str:
    """Return how browsers get a channel's pictures, as far as that is known: ``as_is``, ``recoded`` or ``not``."""
    if channel.get("notice") is not None:
        return "not"
    if channel.get("recoding") is not None:
        return "recoded"
    if channel.get("has_reordering"):
        return "recoded" if can_recode else "not"
    return "as_is"


def empty_view(channel_id: str, *, is_private: bool) -> dict[str, Any]:
    """Return what a page shows of a channel that nobody produces or watches."""
    return {
        "id": channel_id,
        "title": None,
        "state": "waiting",
        "live_seconds": None,
        "viewers": 0,
        "thumbnail": False,
        "is_private": is_private,
        "video": None,
        "has_reordering": False,
        "notice": None,
        "layers": [],
        "in_browsers": "as_is",
    }
