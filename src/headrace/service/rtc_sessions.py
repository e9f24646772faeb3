"""Which sessions browsers have with a broker, and how many more there may be."""

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.access.gate import NOT_FOUND, OVERLOAD
from headrace.base.hosts import host_number
from headrace.endpoints.rtc_producing import RtcProducing
from headrace.service.rtc_config import RtcConfig
from headrace.service.rtc_producers import RtcProducer
from headrace.web.gateway import GatewayRefusal
from headrace.webrtc.ice import IceCredentials


@dataclass(slots=True)
class KnownSession:
    """What HTTP has to know of a session.

    Attributes:
        channel_id: Its channel.
        remote: What the browser makes its checks with.
        etag: Of its ICE session.
        mid: Of its first media section in use.
        visitor_id: Of who watches, its number among those whom the SRT side has let in.
        producing: Of who produces, its media.
        producer: Of who produces, its connection to the SRT side.
    """

    channel_id: str
    remote: IceCredentials
    etag: str
    mid: str
    visitor_id: int | None = None
    producing: RtcProducing | None = None
    producer: RtcProducer | None = None


class RtcSessions:
    """Sessions by their ids.

    Args:
        config: How many there may be.
    """

    def __init__(self, config: RtcConfig) -> None:
        self._config = config
        self._sessions: dict[str, KnownSession] = {}
        self._of_visitors: dict[int, str] = {}
        self._half_open: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[str, KnownSession]]:
        """Give ids and sessions of now; they may come and go meanwhile."""
        return iter(list(self._sessions.items()))

    def check_room(self, address: bytes) -> None:
        """See that there may be one more, of somebody at ``address``.

        Raises:
            GatewayRefusal: There are too many, in all or whose connection is not there yet.
        """
        half_open, of_host = len(self._half_open), list(self._half_open.values()).count(host_number(address))
        if len(self._sessions) >= self._config.max_sessions:
            raise GatewayRefusal(OVERLOAD, "too many sessions of browsers")
        if half_open >= self._config.max_half_open or of_host >= self._config.max_half_open_per_host:
            raise GatewayRefusal(OVERLOAD, "too many sessions whose connection is not there yet")

    def add(self, session_id: str, session: KnownSession) -> None:
        """Know a session from now on."""
        self._sessions[session_id] = session
        if session.visitor_id is not None:
            self._of_visitors[session.visitor_id] = session_id

    def get(self, session_id: str) -> KnownSession:
        """Return a session.

        Raises:
            GatewayRefusal: There is none.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise GatewayRefusal(NOT_FOUND, "there is no such session")
        return session

    def of_visitor(self, visitor_id: int) -> str | None:
        """Return the id of who watches; None if it has gone."""
        return self._of_visitors.get(visitor_id)

    def note_half_open(self, session_id: str, address: bytes) -> None:
        """Note that a session's connection is still to come, unless the session has gone."""
        if session_id in self._sessions:
            self._half_open[session_id] = host_number(address)

    def note_connected(self, session_id: str) -> None:
        """Note that its connection is there."""
        self._half_open.pop(session_id, None)

    def forget(self, session_id: str) -> KnownSession | None:
        """Know a session no more; return what was known of it."""
        self._half_open.pop(session_id, None)
        session = self._sessions.pop(session_id, None)
        if session is not None and session.visitor_id is not None:
            del self._of_visitors[session.visitor_id]
        return session
