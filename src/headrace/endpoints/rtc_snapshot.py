"""What the sessions of browsers are doing, as plain values for people and programs.

They are looked at from another thread than that which serves them: two numbers may be of two moments.

Source: ``docs/reference/statistics.md``, "a running broker".
"""

from typing import Any, Final, TypeAlias

from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.rtc_endpoint import RtcEndpoint
from headrace.endpoints.rtc_inbound_layers import LayerFacts
from headrace.endpoints.rtc_room import RtcRoom
from headrace.endpoints.rtc_watching import RtcWatching

Facts: TypeAlias = dict[str, Any]

NO_ROOM: Final[Facts] = {
    "sessions": {"count": 0},
    "video": None,
    "has_reordering": False,
    "notice": None,
    "recoding": None,
    "recoded": {},
    "layers": [],
}


class RtcSnapshot:
    """Tells what an endpoint is doing.

    Args:
        endpoint: Is looked at.
        max_recoded_channels: So many may have their pictures re-encoded at a time.
    """

    __slots__ = ("_endpoint", "_max_recoded_channels")

    def __init__(self, endpoint: RtcEndpoint, max_recoded_channels: int = 0) -> None:
        self._endpoint = endpoint
        self._max_recoded_channels = max_recoded_channels

    def channel_facts(self, channel_id: str) -> Facts:
        """Return what is known of a channel because browsers watch it."""
        room = self._endpoint.rooms.get(channel_id)
        return dict(NO_ROOM) if room is None else _room_facts(room)

    def session_facts(self, channel_id: str, now_us: int) -> list[Facts]:
        """Return who watches a channel."""
        sessions = list(self._endpoint.sessions.values())
        return [
            watching_facts(session, now_us)
            for session in sessions
            if isinstance(session, RtcWatching) and session.channel_id == channel_id
        ]

    def broker_facts(self) -> Facts:
        """Return what is said of the endpoint as a whole."""
        endpoint = self._endpoint
        return {
            "sessions": len(endpoint.sessions),
            "half_open_sessions": endpoint.half_open,
            "watching_sessions": sum(len(room.viewers) for room in list(endpoint.rooms.values())),
            "recoded_channels": sum(room.channel.route.is_recoded for room in list(endpoint.rooms.values())),
            "max_recoded_channels": self._max_recoded_channels,
            "ignored_browser_packets": dict(endpoint.ignored_packets),
        }


def _room_facts(room: RtcRoom) -> Facts:
    channel = room.channel
    size, recoding = channel.size, channel.route.facts()
    video = None if size is None else {"codec": channel.video.codec.value, "width": size[0], "height": size[1]}
    return {
        # Those whose connection is there: an offer alone watches nothing.
        "sessions": {"count": len(room.viewers)},
        "video": video,
        "has_reordering": channel.has_reordering,
        "notice": channel.notice,
        "recoding": None if recoding is None else {"why": channel.recoded_for, **recoding},
        "recoded": channel.route.so_far(),
        "layers": [layer_facts(one) for one in room.layers.facts()],
    }


def layer_facts(layer: LayerFacts) -> Facts:
    """Return one simulcast layer of a channel."""
    width, height = layer.size or (None, None)
    return {
        "rid": layer.rid,
        "width": width,
        "height": height,
        "bitrate_bps": layer.bits_per_second,
        "is_alive": layer.is_alive,
        "is_best": layer.is_main,
    }


def watching_facts(session: RtcWatching, now_us: int) -> Facts:
    """Return one browser that watches, with the keys of a subscriber where they mean the same."""
    viewer = session.viewer
    address = session.peer.address
    places = viewer.places
    return {
        "channel": session.channel_id,
        "session_id": session.session_id,
        "address": None if address is None else format_sockaddr(address),
        "state": "connecting" if viewer.connected_us is None else "current",
        "connected_seconds": round((now_us - (viewer.connected_us or viewer.opened_us)) / 1e6, 1),
        "rtt_ms": None if viewer.rtt_us is None else round(viewer.rtt_us / 1e3, 1),
        "estimate_bps": viewer.estimate_bps,
        "layer": session.layer,
        "wanted_layer": viewer.wanted_layer,
        "lost_fraction": round(viewer.lost_fraction, 3),
        "sent_packets": sum(place.sent_packets for place in places),
        "sent_payload_bytes": sum(place.sent_payload_bytes for place in places),
        "resent_packets": sum(place.resent_packets for place in places),
        "naks_packets": viewer.naks_packets,
        "keyframe_requests": viewer.keyframe_requests,
    }
