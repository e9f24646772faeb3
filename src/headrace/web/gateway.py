"""What the HTTP side wants of the broker, and nothing else of it: `service` fits the two together.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from headrace.access.channel_rule import Visibility
from headrace.base.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.store.state_store import StateStore

T = TypeVar("T")


class GatewayRefusal(HeadraceError):  # noqa: N818 - it is an answer, not a fault
    """The broker does not do what was asked.

    Attributes:
        code: As SRT's refusals have it: 2400 to 2409, or 1xxx.
        why: For people; shows nothing of a key or token.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class StaleEtagError(HeadraceError):
    """A session was to be changed by who does not know its newest state: 412."""


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """A session of WebRTC that was opened.

    Attributes:
        session_id: Unguessable: whoever knows it may change and end the session.
        sdp: The answer.
        etag: Of its ICE session, without quotes.
    """

    session_id: str = field(repr=False)
    sdp: str = field(repr=False)
    etag: str


@dataclass(frozen=True, slots=True)
class PatchAnswer:
    """A session that was changed.

    Attributes:
        fragment: An SDP fragment with the new ICE credentials and candidates; None if there is nothing to tell.
        etag: Of its ICE session from now on, without quotes.
    """

    fragment: str | None = field(repr=False)
    etag: str


@dataclass(frozen=True, slots=True)
class SessionLayers:
    """The simulcast layers that who watches may choose from.

    Attributes:
        layers: Each as the status has it, the best first; none where the channel has but one.
        current: Name of the one that it gets.
        wanted: Name of the one that it has chosen; None lets the broker choose.
    """

    layers: tuple[Mapping[str, Any], ...]
    current: str | None
    wanted: str | None


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """Whom a credential makes of somebody in a chat.

    Attributes:
        name: That it bears, or None.
        role: ``producer`` of who has the channel's key, ``operator`` of who has the admin token, or None.
        fault: Why what was shown gives neither, for people; shows nothing of it. None where it is good, or nothing
            was shown.
    """

    name: str | None = None
    role: str | None = None
    fault: str | None = None


class MediaGateway(Protocol):
    """Opens and ends sessions of WebRTC."""

    async def watch(self, channel_id: str, offer_sdp: str, credential: str | None, host: str) -> SessionAnswer:
        """Let somebody watch.

        Args:
            channel_id: What; any text.
            offer_sdp: From the wire.
            credential: A token, or whatever else came; None for nothing.
            host: Whose address the request came from.

        Raises:
            GatewayRefusal: It may not, or cannot.
        """

    async def produce(
        self, channel_id: str | None, offer_sdp: str, credential: str | None, host: str
    ) -> SessionAnswer:
        """Let somebody produce.

        Args:
            channel_id: What; None for the channel that the key is for.
            offer_sdp: From the wire.
            credential: A stream key, a token, or whatever else came; None for nothing.
            host: Whose address the request came from.

        Raises:
            GatewayRefusal: It may not, or cannot.
        """

    async def patch(self, session_id: str, fragment: str, etags: frozenset[str] | None) -> PatchAnswer:
        """Take more candidates of a peer, or restart its ICE.

        Args:
            session_id: From the wire.
            fragment: An SDP fragment (RFC 8840), from the wire.
            etags: One of them the peer believes to be the newest; None for any.

        Raises:
            GatewayRefusal: There is no such session (2404), or the fragment makes no sense (2400).
            StaleEtagError: None of them is the newest.
        """

    async def layers(self, session_id: str) -> SessionLayers:
        """Return what who watches may choose from.

        Raises:
            GatewayRefusal: There is no such session (2404), or it does not watch.
        """

    async def choose_layer(self, session_id: str, rid: str | None) -> None:
        """Have who watches get a layer from its next keyframe on.

        Args:
            session_id: From the wire.
            rid: The layer's name, from the wire; None lets the broker choose.

        Raises:
            GatewayRefusal: There is no such session or layer (2404).
        """

    async def end(self, session_id: str) -> None:
        """End a session.

        Raises:
            GatewayRefusal: There is none (2404).
        """


class BrokerDesk(Protocol):
    """Tells what the broker does, and lets who may interfere."""

    @property
    def is_open(self) -> bool:
        """Whether anybody may produce, without a key."""

    async def status(self, subscribers_of: str | None = None) -> dict[str, Any]:
        """Return the document of ``headrace status --json``.

        Args:
            subscribers_of: Id of the channel whose subscribers are wanted; ``*`` for all.
        """

    def visibility(self, channel_id: str) -> Visibility | None:
        """Return who may watch a channel; None if there is none."""

    async def kick(self, socket_id: int) -> bool:
        """Send a producer or subscriber of SRT away; return whether there was one."""

    def events(self, after: int | None = None) -> AsyncIterator[dict[str, Any]]:
        """Give what happens, as the status has it.

        Args:
            after: Number of the last event that is known already: what is kept of those since comes first, or all
                of it where that number has not been given out, as the broker was started again; None for what
                happens from now on.
        """

    async def may_watch(self, channel_id: str, credential: str | None, host: str) -> None:
        """Return if somebody may watch a channel.

        Raises:
            GatewayRefusal: It may not.
        """

    def chat_identity(self, channel_id: str, credential: str | None) -> ChatIdentity:
        """Return whom what somebody shows makes of it in a channel's chat."""


class StateAccess(Protocol):
    """Reads and writes what the broker keeps."""

    @property
    def is_there(self) -> bool:
        """Whether it keeps anything."""

    async def use(self, work: "Callable[[StateStore], T]") -> T:
        """Have ``work`` done with the state, in a thread; return or raise what it does.

        Raises:
            StateError: There is no state, or it cannot be used.
        """

    async def change(self, work: "Callable[[StateStore], T]") -> T:
        """Have ``work`` done likewise, and return when the broker goes by it.

        Raises:
            StateError: As with `use`.
        """


class Thumbnails(Protocol):
    """Small pictures of what channels show."""

    async def newest(self, channel_id: str) -> bytes | None:
        """Return a JPEG, or None while there is none."""

    def describe(self, channel_id: str) -> Mapping[str, Any]:
        """Return ``title``, ``video`` and ``has_reordering`` of a channel, as far as they are known."""
