"""The listener's side of the handshake: stateless until a cookie comes back, idempotent after.

Source: draft-sharabayko-srt, 4.3.1; ``docs/internals/srt.md`` for what real peers do with it.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace
from hashlib import blake2s
from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK
from headrace.base.sockaddr import sockaddr_host
from headrace.srt.connection import DEFAULT_PEER_TIMEOUT_US, ConnectionParameters
from headrace.srt.handshake import (
    LIVE_FLAGS,
    SRT_MAGIC,
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    SrtFlags,
    decode_handshake,
    encode_handshake,
    encode_peer_address,
)
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KeyRefresh
from headrace.srt.packet import IP_UDP_SRT_BYTES, ControlType, Header, encode_control
from headrace.srt.receiver import FLOW_WINDOW_PACKETS
from headrace.srt.recent_answers import COOKIE_MINUTE_US, Caller, RecentAnswers
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import SessionKeys

MIN_MSS_BYTES: Final = 76
"""The least IP datagram that carries a header and one word; smaller values are not from a live peer."""
MAX_MSS_BYTES: Final = 1500
MAX_REFUSALS_TOLD: Final = 64
"""More are not worth a log line each."""


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """What a listener offers.

    Attributes:
        receive_latency_ms: Our delivery delay as a receiver, at least.
        peer_latency_ms: The caller's delivery delay as a receiver, at least.
        flow_window_packets: Most packets in flight towards us.
        peer_timeout_us: Silence after which a peer counts as gone.
        key_length_bytes: Key length that callers are told to take, 16, 24 or 32; 0 leaves it to them.
        key_refresh: When our own packets get another key.
    """

    receive_latency_ms: int = 120
    peer_latency_ms: int = 0
    flow_window_packets: int = FLOW_WINDOW_PACKETS
    peer_timeout_us: int = DEFAULT_PEER_TIMEOUT_US
    key_length_bytes: int = 0
    key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """A conclusion with a good cookie: somebody who can be answered wants a connection.

    Attributes:
        address: The caller's, 28 bytes.
        timestamp_us: The caller's clock.
        handshake: What it sent.
    """

    address: bytes
    timestamp_us: int
    handshake: Handshake

    @property
    def stream_id(self) -> str:
        """What the caller asks for, empty where it does not say."""
        return self.handshake.stream_id or ""

    @property
    def capabilities(self) -> LiveCapabilities:
        """The caller's HSREQ."""
        if self.handshake.capabilities is None:
            raise AssertionError("a request without HSREQ has been refused before it became one")
        return self.handshake.capabilities


class Refusal(NamedTuple):
    """A request that no listener of ours could serve."""

    request: ConnectionRequest
    reason: RejectReason


class Listener:
    """Answers handshakes on one socket.

    Args:
        options: What is offered.
        secret: At least 16 random bytes, the key of the cookies.

    Attributes:
        options: As given.
        ignored_packets: Handshakes that got no answer, by reason.
    """

    __slots__ = ("_answers", "_refusals", "_secret", "ignored_packets", "options")

    def __init__(self, options: ListenerOptions, secret: bytes) -> None:
        self.options = options
        self.ignored_packets: Counter[str] = Counter()
        self._secret = secret
        self._answers = RecentAnswers()
        self._refusals: deque[Refusal] = deque(maxlen=MAX_REFUSALS_TOLD)

    def handle_handshake(
        self, header: Header, body: bytes, address: bytes, now_us: int
    ) -> bytes | ConnectionRequest | None:
        """Take one handshake packet.

        Returns:
            A datagram for ``address``, or a request to be answered by `accept` or `reject`, or None. Never raises.
        """
        try:
            handshake = decode_handshake(body)
        except PacketError as error:
            self.ignored_packets[error.reason] += 1
            return None
        if handshake.handshake_type == HandshakeType.INDUCTION:
            return self._answer_induction(handshake, address, now_us)
        if handshake.handshake_type == HandshakeType.CONCLUSION:
            return self._handle_conclusion(header, handshake, address, now_us)
        self.ignored_packets["unexpected_handshake_type"] += 1
        return None

    def cookie(self, address: bytes, minute: int) -> int:
        """Return the cookie for a caller at ``address``: a keyed hash, so that it needs no memory."""
        digest = blake2s(address + minute.to_bytes(8, "big", signed=True), digest_size=4, key=self._secret[:32])
        return int.from_bytes(digest.digest(), "big") or 1

    def is_good_cookie(self, cookie: int, address: bytes, now_us: int) -> bool:
        """Return whether ``cookie`` was given to a caller at ``address`` in this minute or the one before."""
        minute = now_us // COOKIE_MINUTE_US
        return cookie in (self.cookie(address, minute), self.cookie(address, minute - 1))

    def _answer_induction(self, handshake: Handshake, address: bytes, now_us: int) -> bytes:
        # Made from nothing it takes half the time of a changed copy, and strangers ask for thousands a second.
        answer = Handshake(
            version=5,
            encryption_field=self.options.key_length_bytes // 8,
            extension_field=SRT_MAGIC,
            initial_seqno=handshake.initial_seqno,
            mss_bytes=min(MAX_MSS_BYTES, handshake.mss_bytes),
            flow_window_packets=self.options.flow_window_packets,
            handshake_type=HandshakeType.INDUCTION,
            socket_id=handshake.socket_id,
            cookie=self.cookie(address, now_us // COOKIE_MINUTE_US),
            peer_address=encode_peer_address(sockaddr_host(address)),
        )
        return _encode_answer(encode_handshake(answer, response=True), 0, answer.socket_id)

    def _handle_conclusion(
        self, header: Header, handshake: Handshake, address: bytes, now_us: int
    ) -> bytes | ConnectionRequest | None:
        if not self.is_good_cookie(handshake.cookie, address, now_us):
            self.ignored_packets["bad_cookie"] += 1
            return None
        caller = _caller(address, handshake)
        accepted = self._answers.find(caller, now_us)
        if accepted is not None:
            # At a round trip over 250 ms callers repeat the conclusion before our answer can reach them:
            # "same answer, fresh timestamp".
            return _encode_answer(accepted.body, now_us - accepted.epoch_us, handshake.socket_id)
        if self._answers.has_ended(caller, now_us):
            # A repetition that the network kept back until after the end: nobody waits for a connection.
            self.ignored_packets["ended_connection"] += 1
            return None
        if handshake.key_material is not None and not handshake.extension_field & ExtensionFlags.KMREQ:
            # libsrt passes such a block over too; and whoever counts what handshakes cost goes by the flag.
            handshake = replace(handshake, key_material=None)
        request = ConnectionRequest(address, header.timestamp_us, handshake)
        reason = self._refusal(handshake)
        if reason is None:
            return request
        self._refusals.append(Refusal(request, reason))
        return self.reject(request, reason)

    def poll_refusals(self) -> list[Refusal]:
        """Return the refusals that `handle_handshake` decided on by itself, once; the newest, if many."""
        refusals = list(self._refusals)
        self._refusals.clear()
        return refusals

    @staticmethod
    def _refusal(handshake: Handshake) -> RejectReason | None:
        """Return why a conclusion cannot become a connection whoever sent it, or None."""
        if handshake.version != 5:
            return RejectReason.VERSION
        live = handshake.capabilities
        checks = (
            (live is None, RejectReason.ROGUE),
            (handshake.initial_seqno >= SEQNO_MASK, RejectReason.ROGUE),
            (handshake.mss_bytes < MIN_MSS_BYTES or handshake.flow_window_packets < 2, RejectReason.ROGUE),
            (handshake.socket_id == 0, RejectReason.ROGUE),
            (live is not None and SrtFlags.STREAM in live.flags, RejectReason.MESSAGE_API),
            (handshake.congestion not in (None, "live"), RejectReason.CONGESTION),
            (handshake.filter is not None, RejectReason.FILTER),
            (handshake.group is not None, RejectReason.GROUP),
        )
        return next((reason for failed, reason in checks if failed), None)

    def reject(self, request: ConnectionRequest, code: int) -> bytes:
        """Return the refusal of ``request`` with a `RejectReason` or a user-defined code."""
        asked = request.handshake
        answer = Handshake(
            asked.version,
            asked.encryption_field,
            0,
            asked.initial_seqno,
            asked.mss_bytes,
            asked.flow_window_packets,
            code,
            asked.socket_id,
            asked.cookie,
            asked.peer_address,
        )
        return _encode_answer(encode_handshake(answer, response=True), 0, answer.socket_id)

    def accept(
        self,
        request: ConnectionRequest,
        socket_id: int,
        now_us: int,
        *,
        peer_latency_ms: int = 0,
        keys: SessionKeys | None = None,
        send_seqno: int | None = None,
    ) -> tuple[bytes, ConnectionParameters]:
        """Return the answer that opens the connection, and what was agreed on.

        The caller's own initial sequence number becomes ours, unless another one is given: libsrt 1.5.0 to 1.5.2
        break on any other.

        Args:
            request: As `handle_handshake` gave it.
            socket_id: Ours; in use until `forget`.
            now_us: The time.
            peer_latency_ms: This caller's delivery delay as a receiver, at least.
            keys: What `agree_on_keys` found; None for a connection without encryption.
            send_seqno: Our first sequence number, for callers of other versions.
        """
        asked, live, options = request.handshake, request.capabilities, self.options
        receive_latency_ms = max(options.receive_latency_ms, live.sender_latency_ms)
        send_latency_ms = max(options.peer_latency_ms, peer_latency_ms, live.receiver_latency_ms)
        answer = self._conclusion(request, keys, receive_latency_ms, send_latency_ms)
        first_seqno = asked.initial_seqno if send_seqno is None else send_seqno
        answer = replace(answer, socket_id=socket_id, initial_seqno=first_seqno)
        body = encode_handshake(answer, response=True)
        self._answers.keep(socket_id, _caller(request.address, asked), body, now_us)
        parameters = ConnectionParameters(
            socket_id=socket_id,
            peer_socket_id=asked.socket_id,
            send_seqno=first_seqno,
            receive_seqno=asked.initial_seqno,
            epoch_us=now_us,
            peer_timestamp_us=request.timestamp_us,
            established_us=now_us,
            receive_latency_us=1000 * receive_latency_ms,
            send_latency_us=1000 * send_latency_ms,
            peer_window_packets=asked.flow_window_packets,
            flow_window_packets=options.flow_window_packets,
            max_payload_bytes=answer.mss_bytes - IP_UDP_SRT_BYTES,
            peer_timeout_us=options.peer_timeout_us,
            stream_id=request.stream_id,
            peer_version=live.srt_version,
            keys=keys,
            key_refresh=options.key_refresh,
        )
        return _encode_answer(body, 0, asked.socket_id), parameters

    def _conclusion(
        self, request: ConnectionRequest, keys: SessionKeys | None, receive_latency_ms: int, send_latency_ms: int
    ) -> Handshake:
        asked = request.handshake
        return replace(
            asked,
            # gosrt waits for ever for an answer whose field does not say the length of its key.
            encryption_field=keys.key_length_bytes // 8 if keys else 0,
            extension_field=ExtensionFlags.HSREQ
            | (ExtensionFlags.KMREQ if keys else 0)
            | (ExtensionFlags.CONFIG if asked.congestion else 0),
            mss_bytes=min(MAX_MSS_BYTES, asked.mss_bytes),
            flow_window_packets=self.options.flow_window_packets,
            peer_address=encode_peer_address(sockaddr_host(request.address)),
            capabilities=LiveCapabilities(
                flags=LIVE_FLAGS, receiver_latency_ms=receive_latency_ms, sender_latency_ms=send_latency_ms
            ),
            # "KMRSP: an exact echo of KMREQ"; libsrt breaks off for a KMREQ in its place, or for other bytes.
            key_material=asked.key_material if keys else None,
            stream_id=None,
        )

    def forget(self, socket_id: int, now_us: int) -> None:
        """Note that the connection with our ``socket_id`` has ended: its handshake is not answered any more."""
        self._answers.end(socket_id, now_us)


def _caller(address: bytes, conclusion: Handshake) -> Caller:
    return address + conclusion.socket_id.to_bytes(4, "big") + conclusion.initial_seqno.to_bytes(4, "big")


def _encode_answer(body: bytes, timestamp_us: int, dst_socket_id: int) -> bytes:
    return encode_control(ControlType.HANDSHAKE, timestamp_us=timestamp_us, dst_socket_id=dst_socket_id, body=body)
