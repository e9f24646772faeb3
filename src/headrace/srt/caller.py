"""The caller's side of the handshake: induction, conclusion, and then a `Connection`.

Source: draft-sharabayko-srt, 4.3.1.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from headrace.base.errors import HeadraceError, PacketError
from headrace.base.passphrase import check_passphrase
from headrace.srt.connection import DEFAULT_PEER_TIMEOUT_US, Connection, ConnectionParameters
from headrace.srt.handshake import (
    LIVE_FLAGS,
    SRT_MAGIC,
    UDT_DATAGRAM,
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KeyRefresh
from headrace.srt.key_material import encode_key_material, make_keys, wrap_keys
from headrace.srt.packet import HEADER_BYTES, IP_UDP_SRT_BYTES, ControlType, Header, decode_header, encode_control
from headrace.srt.receiver import FLOW_WINDOW_PACKETS
from headrace.srt.rejection import ConnectionRejectedError, RejectReason
from headrace.srt.session_keys import KeySource, SessionKeys
from headrace.srt.stream_id import encode_stream_id_words

REPEAT_US: Final = 250_000
"""A handshake packet is sent again after this long (libsrt's interval)."""
DEFAULT_MSS_BYTES: Final = 1500


_KM_STATE_BAD_SECRET: Final = 4
"""libsrt's ``SRT_KM_S_BADSECRET``."""


class ConnectTimeoutError(HeadraceError):
    """Nobody answered the handshake."""


class HandshakeError(HeadraceError):
    """The answer to the handshake makes no sense: the peer is no SRT listener of version 5."""


@dataclass(frozen=True, slots=True)
class CallerOptions:
    """What a caller asks for.

    Attributes:
        stream_id: Which resource is wanted, empty for none.
        receive_latency_ms: Our delivery delay as a receiver, at least.
        peer_latency_ms: The peer's delivery delay as a receiver, at least.
        mss_bytes: Largest IP packet.
        flow_window_packets: Most packets in flight towards us.
        connect_timeout_us: Time for the whole handshake.
        peer_timeout_us: Silence after which the peer counts as gone.
        peer_address: 16 bytes for the handshake's peer address field.
        passphrase: 10 to 79 bytes of UTF-8, the same as the listener's; None connects without encryption.
        key_length_bytes: 16, 24 or 32, for AES-128, -192 or -256.
        key_refresh: When our packets get another key.
    """

    stream_id: str = field(default="", repr=False)
    receive_latency_ms: int = 120
    peer_latency_ms: int = 0
    mss_bytes: int = DEFAULT_MSS_BYTES
    flow_window_packets: int = FLOW_WINDOW_PACKETS
    connect_timeout_us: int = 3_000_000
    peer_timeout_us: int = DEFAULT_PEER_TIMEOUT_US
    peer_address: bytes = bytes(16)
    passphrase: str | None = field(default=None, repr=False)
    key_length_bytes: int = 16
    key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH


def induction_request(options: CallerOptions, socket_id: int, initial_seqno: int) -> Handshake:
    """Return what a caller says first; a listener answers it and keeps no memory of it."""
    return Handshake(
        version=4,  # "the induction request has version 4", so that a version 4 listener answers (4.3.1.1)
        encryption_field=0,
        extension_field=UDT_DATAGRAM,
        initial_seqno=initial_seqno,
        mss_bytes=options.mss_bytes,
        flow_window_packets=options.flow_window_packets,
        handshake_type=HandshakeType.INDUCTION,
        socket_id=socket_id,
        peer_address=options.peer_address,
    )


class _State(Enum):
    INDUCTION = auto()
    CONCLUSION = auto()
    DONE = auto()


class Caller:
    """Opens one connection. Drive it like a `Connection` until `connection` or `error` is set.

    Args:
        options: What is asked for.
        socket_id: Our socket id, not 0, random.
        initial_seqno: Our first sequence number, random, below 2**31 - 1.
        now_us: The time; our timestamps count from here.
        key_seed: 32 unpredictable bytes, what the keys of an encrypted connection are made of.

    Attributes:
        connection: The open connection, once there is one.
        error: Why there will be none: `ConnectionRejectedError`, `ConnectTimeoutError` or `HandshakeError`.
        ignored_packets: Datagrams that are no answer to us, by reason.

    Raises:
        ValueError: The stream id takes more than 512 bytes, the passphrase has a length that no passphrase has, or
            the key length or the seed has.
    """

    __slots__ = (
        "_epoch_us",
        "_handshake",
        "_key_source",
        "_keys",
        "_outgoing",
        "_repeat_us",
        "_state",
        "connection",
        "error",
        "ignored_packets",
        "options",
    )

    def __init__(
        self, options: CallerOptions, *, socket_id: int, initial_seqno: int, now_us: int, key_seed: bytes = b""
    ) -> None:
        encode_stream_id_words(options.stream_id)
        self._key_source: KeySource | None = None
        self._keys: SessionKeys | None = None
        if options.passphrase is not None:
            self._key_source = KeySource(key_seed)
            self._keys = make_keys(
                check_passphrase(options.passphrase), options.key_length_bytes, self._key_source
            )
        self.options = options
        self.connection: Connection | None = None
        self.error: HeadraceError | None = None
        self.ignored_packets: Counter[str] = Counter()
        self._epoch_us = now_us
        self._state = _State.INDUCTION
        self._handshake = induction_request(options, socket_id, initial_seqno)
        self._repeat_us = now_us
        self._outgoing: list[bytes] = []

    @property
    def is_answered(self) -> bool:
        """Whether an SRT listener of version 5 has answered at all."""
        return self._state is _State.CONCLUSION or self.connection is not None

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None when the handshake is over."""
        if self._state is _State.DONE:
            return None
        return min(self._repeat_us, self._epoch_us + self.options.connect_timeout_us)

    def handle_timer(self, now_us: int) -> None:
        """Send the handshake packet again, or give up."""
        if self._state is _State.DONE:
            return
        if now_us - self._epoch_us >= self.options.connect_timeout_us:
            waited_ms = self.options.connect_timeout_us // 1000
            self._fail(ConnectTimeoutError(f"no answer to the SRT handshake within {waited_ms} ms"))
        elif now_us >= self._repeat_us:
            self._repeat_us = now_us + REPEAT_US
            self._outgoing.append(
                encode_control(
                    ControlType.HANDSHAKE,
                    timestamp_us=now_us - self._epoch_us,
                    dst_socket_id=0,
                    body=encode_handshake(self._handshake),
                )
            )

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send to the listener, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take one datagram from the listener's address. Never raises: what is no answer to us is counted."""
        try:
            header = self._decode_header(datagram)
        except PacketError as error:
            self.ignored_packets[error.reason] += 1
            return
        try:
            self._handle_answer(header, decode_handshake(datagram[HEADER_BYTES:]), now_us)
        except PacketError as error:
            self._fail(HandshakeError(f"the listener's handshake is malformed ({error})"))

    def _decode_header(self, datagram: bytes) -> Header:
        header = decode_header(datagram)
        if not header.is_control or header.control_type != ControlType.HANDSHAKE:
            raise PacketError("no_handshake")
        if header.dst_socket_id != self._handshake.socket_id:
            raise PacketError("foreign_socket_id")
        return header

    def _handle_answer(self, header: Header, answer: Handshake, now_us: int) -> None:
        if self._state is _State.DONE:
            return
        code = answer.rejection_code
        if code is not None:
            self._fail(self._refused(code))
        elif self._state is _State.INDUCTION and answer.handshake_type == HandshakeType.INDUCTION:
            self._handle_induction(answer, now_us)
        elif self._state is _State.CONCLUSION and answer.handshake_type == HandshakeType.CONCLUSION:
            self._handle_conclusion(header, answer, now_us)

    def _handle_induction(self, answer: Handshake, now_us: int) -> None:
        if answer.version != 5 or answer.extension_field != SRT_MAGIC:
            self._fail(HandshakeError(f"the listener speaks handshake version {answer.version}, 5 is needed"))
            return
        flags = ExtensionFlags.HSREQ
        flags |= ExtensionFlags.KMREQ if self._keys else 0
        flags |= ExtensionFlags.CONFIG if self.options.stream_id else 0
        self._handshake = replace(
            self._handshake,
            version=5,
            # Differs from libsrt, which takes the length that the listener names: the one asked for here holds.
            encryption_field=self._keys.key_length_bytes // 8 if self._keys else 0,
            extension_field=flags,
            handshake_type=HandshakeType.CONCLUSION,
            cookie=answer.cookie,
            capabilities=LiveCapabilities(
                flags=LIVE_FLAGS,
                receiver_latency_ms=self.options.receive_latency_ms,
                sender_latency_ms=self.options.peer_latency_ms,
            ),
            key_material=encode_key_material(wrap_keys(self._keys)) if self._keys else None,
            stream_id=self.options.stream_id or None,
        )
        self._state = _State.CONCLUSION
        self._repeat_us = now_us
        self.handle_timer(now_us)

    def _handle_conclusion(self, header: Header, answer: Handshake, now_us: int) -> None:
        live = answer.capabilities
        if live is None:
            self._fail(HandshakeError("the listener's conclusion has no SRT capabilities (HSRSP)"))
            return
        code = self._broken_secret(answer)
        if code is not None:
            self._leave(answer.socket_id, now_us)
            self._fail(self._refused(code))
            return
        options = self.options
        self._state = _State.DONE
        self.connection = Connection(
            ConnectionParameters(
                socket_id=self._handshake.socket_id,
                peer_socket_id=answer.socket_id,
                send_seqno=self._handshake.initial_seqno,
                receive_seqno=answer.initial_seqno & 0x7FFF_FFFF,
                epoch_us=self._epoch_us,
                peer_timestamp_us=header.timestamp_us,
                established_us=now_us,
                receive_latency_us=1000 * max(options.receive_latency_ms, live.sender_latency_ms),
                send_latency_us=1000 * max(options.peer_latency_ms, live.receiver_latency_ms),
                peer_window_packets=max(2, answer.flow_window_packets),
                flow_window_packets=options.flow_window_packets,
                max_payload_bytes=min(options.mss_bytes, max(answer.mss_bytes, 100)) - IP_UDP_SRT_BYTES,
                peer_timeout_us=options.peer_timeout_us,
                stream_id=options.stream_id,
                peer_version=live.srt_version,
                keys=self._keys,
                key_refresh=options.key_refresh,
            ),
            self._key_source,
            passphrase=options.passphrase,
        )

    def _broken_secret(self, answer: Handshake) -> RejectReason | None:
        """Return what is wrong with the answer to our key material, or None."""
        if self._keys is None or answer.key_material == self._handshake.key_material:
            return None
        # In place of the echo stands one word, in the listener's own byte order, where it lets also those in with
        # whom it shares no passphrase (libsrt with SRTO_ENFORCEDENCRYPTION switched off).
        is_bad = (answer.key_material or b"").strip(b"\0") == bytes((_KM_STATE_BAD_SECRET,))
        return RejectReason.BAD_SECRET if is_bad else RejectReason.UNSECURE

    def _leave(self, peer_socket_id: int, now_us: int) -> None:
        goodbye = encode_control(
            ControlType.SHUTDOWN, timestamp_us=now_us - self._epoch_us, dst_socket_id=peer_socket_id
        )
        self._outgoing.append(goodbye)

    def _refused(self, code: int) -> ConnectionRejectedError:
        if code != RejectReason.UNSECURE:
            return ConnectionRejectedError(code)
        if self._keys is None:
            return ConnectionRejectedError(code, "the listener wants a passphrase: give the one that it has")
        return ConnectionRejectedError(
            code, "the listener has no passphrase for this: set the same one there, or give none here"
        )

    def _fail(self, error: HeadraceError) -> None:
        if self._state is not _State.DONE:
            self._state = _State.DONE
            self.error = error
