"""ICE, the lite side: answers the peer's checks, and knows to which address its media may go.

A lite agent is on an address that everybody reaches, so it looks for no path: the peer checks them and names one.
Where media flows already, another address gets it only when it has answered a check of ours: the source of a
datagram is easily forged, and whoever has a session could have its media sent to somebody else.

Source: RFC 8445, 2.5 (lite), 7.3 (server procedures), 8.1.1 (nomination), 9 (restart);
RFC 8839, 5.4 (credentials).
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final, TypeAlias

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.webrtc.stun import (
    TRANSACTION_BYTES,
    AttributeType,
    MessageType,
    StunMessage,
    decode_message,
    encode_error_code,
    encode_message,
    encode_xor_address,
)

RandomBytes: TypeAlias = Callable[[int], bytes]

MAX_CHECKED_ADDRESSES: Final = 16
"""Paths of one peer that are known at a time: a browser with four interfaces checks from about eight."""
STICKY_US: Final = 3_000_000
"""How long a nominated path is kept against one of lower priority that is nominated too.

Old agents name every path that works ("aggressive nomination"), and the best of those is meant. A browser that has
left a path names another one from then on, and its checks of the chosen path come at least each 2.5 s.
"""
_PRIORITY: Final = (0x7EFF_FFFF).to_bytes(4, "big")
"""Of a peer reflexive candidate would be less; nobody chooses by it, as the peer does the choosing."""
_TIE_BREAKER: Final = bytes(8)
"""The lite side never wins, as it is never controlling."""
_UFRAG_BYTES: Final = 6
_PWD_BYTES: Final = 24
_ROLE_CONFLICT: Final = 487
_UNKNOWN_ATTRIBUTE: Final = 420


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """What one side of a session says in its SDP, and makes its checks with.

    Attributes:
        ufrag: Username fragment, 4 to 256 characters of base64.
        pwd: Password, 22 to 256 such characters.
    """

    ufrag: str
    pwd: str = field(repr=False)


def make_credentials(random_bytes: RandomBytes) -> IceCredentials:
    """Return credentials that nobody guesses: 48 bits of name and 192 bits of password."""
    ufrag, pwd = b64encode(random_bytes(_UFRAG_BYTES)), b64encode(random_bytes(_PWD_BYTES))
    return IceCredentials(ufrag.decode("ascii"), pwd.decode("ascii"))


def username_ufrag(username: bytes) -> str:
    """Return the ufrag of ours that a check's USERNAME names, empty if it names none."""
    ours, colon, _ = username.partition(b":")
    return ours.decode("ascii", "replace") if colon else ""


@dataclass(slots=True)
class _Path:
    """A remote address from which a check came that was made with the password.

    Attributes:
        checked_us: When the last one came.
        nominated_us: When the last one came that named it, None if none did.
        is_proved: Whether who is there has sent back what was sent there alone.
        transaction_id: Of our own check of it, empty if it was not checked.
        priority: As the peer told it.
    """

    checked_us: int
    priority: int = 0
    nominated_us: int | None = None
    is_proved: bool = False
    transaction_id: bytes = b""


@dataclass(frozen=True, slots=True)
class _Generation:
    local: IceCredentials
    remote: IceCredentials

    @property
    def username(self) -> bytes:
        return f"{self.local.ufrag}:{self.remote.ufrag}".encode()


class IceAgent:
    """The lite agent of one session, with one component.

    Args:
        local: Our credentials.
        remote: The peer's.
        random_bytes: For transaction ids.

    Attributes:
        address: Where to send to: 28 bytes; None before the first check.
    """

    __slots__ = ("_generations", "_has_proof", "_outgoing", "_paths", "_random_bytes", "_wanted", "address")

    def __init__(self, local: IceCredentials, remote: IceCredentials, random_bytes: RandomBytes) -> None:
        self._generations = [_Generation(local, remote)]
        self._random_bytes = random_bytes
        self._paths: dict[bytes, _Path] = {}
        self._outgoing: list[tuple[bytes, bytes]] = []
        self._wanted: bytes | None = None
        self._has_proof = False
        self.address: bytes | None = None

    @property
    def is_nominated(self) -> bool:
        """Whether the peer has named the path to `address`."""
        return self.address is not None and self._paths[self.address].nominated_us is not None

    def has_checked(self, address: bytes) -> bool:
        """Return whether a check came from ``address``."""
        return address in self._paths

    def prefer(self, address: bytes) -> None:
        """Send to ``address`` while no path has been named: what is not a check came from there.

        Raises:
            LocalProtocolError: No check came from there.
        """
        if address not in self._paths:
            raise LocalProtocolError("no check came from this address")
        if not self.is_nominated:
            self._move(address)

    def note_proof(self, address: bytes) -> None:
        """Know that who is at ``address`` gets what is sent there; from now on others have to prove it."""
        path = self._paths.get(address)
        if path is not None:
            path.is_proved = self._has_proof = True

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        """Return the datagrams to send, once, each with its destination."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def restart(self, local: IceCredentials, remote: IceCredentials) -> None:
        """Take other credentials; those before are good until a path has been named with the new ones."""
        self._generations = [self._generations[-1], _Generation(local, remote)]

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        """Take a STUN message that came from ``address``, and answer it there if it is a check.

        Raises:
            PacketError: What `decode_message` raises; ``ice_not_a_check``, ``ice_username``, ``ice_integrity`` or
                ``ice_unknown_answer``. Nothing is answered then: who does not know the password is told nothing.
                Differs from RFC 8489, 9.1.3, which has error answers 400 and 401 for them.
        """
        message = decode_message(datagram)
        if message.message_type == MessageType.SUCCESS:
            self._handle_answer(message, address)
        elif message.message_type == MessageType.REQUEST:
            answer = self._handle_check(message, address, now_us)
            self._outgoing.append((answer, address))
            if address == self._wanted:
                self._check_back(address)
        else:
            raise PacketError("ice_not_a_check")

    def _handle_check(self, message: StunMessage, address: bytes, now_us: int) -> bytes:
        generation = self._generation_of(message)
        if message.unknown_attributes:
            return _refuse(message, generation, _UNKNOWN_ATTRIBUTE, "Unknown Attribute")
        if AttributeType.ICE_CONTROLLED in message.attributes:
            # The lite side is always controlled (6.1.1), so the peer has to change (7.3.1.1).
            return _refuse(message, generation, _ROLE_CONFLICT, "Role Conflict")
        self._note(message, generation, address, now_us)
        mapped = encode_xor_address(address, message.transaction_id)
        return encode_message(
            MessageType.SUCCESS,
            message.transaction_id,
            [(AttributeType.XOR_MAPPED_ADDRESS, mapped)],
            generation.local.pwd.encode(),
        )

    def _generation_of(self, message: StunMessage) -> _Generation:
        username = message.attributes.get(AttributeType.USERNAME)
        for generation in reversed(self._generations):
            if username == generation.username:
                if not message.has_integrity(generation.local.pwd.encode()):
                    raise PacketError("ice_integrity")
                return generation
        raise PacketError("ice_username")

    def _note(self, message: StunMessage, generation: _Generation, address: bytes, now_us: int) -> None:
        path = self._paths.get(address)
        if path is None:
            self._make_room()
            path = self._paths[address] = _Path(now_us)
        path.checked_us = now_us
        path.priority = int.from_bytes(message.attributes.get(AttributeType.PRIORITY, b""), "big")
        if self.address is None:
            self.address = address
        if AttributeType.USE_CANDIDATE in message.attributes:
            path.nominated_us = now_us
            self._nominate(address, path, generation, now_us)

    def _nominate(self, address: bytes, path: _Path, generation: _Generation, now_us: int) -> None:
        if generation is self._generations[-1] and len(self._generations) > 1:
            self._generations = [generation]
            self._move(address)
            return
        assert self.address is not None
        current = self._paths[self.address]
        if (
            current.nominated_us is None
            or path.priority >= current.priority
            or now_us - current.nominated_us >= STICKY_US
        ):
            self._move(address)

    def _move(self, address: bytes) -> None:
        """Send to ``address`` from now on, or once it has proved that it is the peer's."""
        if self._paths[address].is_proved or not self._has_proof:
            self.address, self._wanted = address, None
        else:
            self._wanted = address

    def _check_back(self, address: bytes) -> None:
        """Check a path that is wanted and not proved, after each check of the peer's: so it is repeated.

        The answer has 76 bytes at most, our check 76 and the username. That is as long in the peer's, which has at
        least 48 bytes besides: so who is there gets at most three bytes for each that came from there, as many as
        with QUIC (RFC 9000, 8.1).
        """
        path = self._paths[address]
        path.transaction_id = path.transaction_id or self._random_bytes(TRANSACTION_BYTES)
        generation = self._generations[-1]
        attributes = [
            (AttributeType.USERNAME, f"{generation.remote.ufrag}:{generation.local.ufrag}".encode()),
            (AttributeType.PRIORITY, _PRIORITY),
            (AttributeType.ICE_CONTROLLED, _TIE_BREAKER),
        ]
        key = generation.remote.pwd.encode()
        ours = encode_message(MessageType.REQUEST, path.transaction_id, attributes, key)
        self._outgoing.append((ours, address))

    def _handle_answer(self, message: StunMessage, address: bytes) -> None:
        path = self._paths.get(address)
        if path is None or not compare_digest(message.transaction_id, path.transaction_id):
            raise PacketError("ice_unknown_answer")
        if not any(message.has_integrity(one.remote.pwd.encode()) for one in self._generations):
            raise PacketError("ice_integrity")
        path.is_proved, path.transaction_id = True, b""
        if self._wanted == address:
            self._move(address)

    def _make_room(self) -> None:
        """Forget the path that was checked longest ago, but not the one in use or wanted."""
        if len(self._paths) >= MAX_CHECKED_ADDRESSES:
            others = [address for address in self._paths if address not in {self.address, self._wanted}]
            del self._paths[min(others, key=lambda one: self._paths[one].checked_us)]


def _refuse(message: StunMessage, generation: _Generation, code: int, reason: str) -> bytes:
    attributes = [(int(AttributeType.ERROR_CODE), encode_error_code(code, reason))]
    if code == _UNKNOWN_ATTRIBUTE:
        listed = b"".join(kind.to_bytes(2, "big") for kind in message.unknown_attributes)
        attributes.append((AttributeType.UNKNOWN_ATTRIBUTES, listed))
    return encode_message(MessageType.ERROR, message.transaction_id, attributes, generation.local.pwd.encode())
