"""An established connection: both halves, the clock that stamps packets, keepalive and the end.

It has no input or output: `Connection.handle_datagram` takes what came, `Connection.poll_datagrams` gives what
is to be sent, `Connection.poll_timer` says when `Connection.handle_timer` wants to be called.

Source: draft-sharabayko-srt, 3.2 (control packets), 4.2 (data transmission), 4.9 (keepalive).
"""

from dataclasses import dataclass, field
from typing import Final

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.base.seqno import SEQNO_MASK
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KMREQ, KMRSP, KeyRefresh, OpeningKeys, SealingKeys
from headrace.srt.packet import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    RETRANSMITTED_FLAG,
    SOLO_MESSAGE,
    Control,
    ControlType,
    Header,
    decode_ack,
    decode_drop_request,
    decode_header,
    decode_loss_report,
    encode_control,
    encode_data_header,
    message_word,
)
from headrace.srt.receiver import FLOW_WINDOW_PACKETS, Arrival, Delivery, Receiver
from headrace.srt.sender import Sender, Transmission, message_number
from headrace.srt.session_keys import KeySource, SessionKeys
from headrace.srt.statistics import ConnectionStatistics
from headrace.srt.tsbpd import DeliveryClock

KEEPALIVE_US: Final = 1_000_000
DEFAULT_PEER_TIMEOUT_US: Final = 5_000_000
"""Silence after which a peer counts as gone (libsrt's SRTO_PEERIDLETIMEO)."""


@dataclass(frozen=True, slots=True)
class ConnectionParameters:
    """What the handshake agreed on.

    Attributes:
        socket_id: Our socket id; the peer puts it into what it sends.
        peer_socket_id: The peer's.
        send_seqno: Our first sequence number.
        receive_seqno: The peer's first sequence number.
        epoch_us: Our time at which our timestamps count from 0.
        peer_timestamp_us: The peer's clock in its last handshake packet.
        established_us: Our time at which that came.
        receive_latency_us: Our delivery delay.
        send_latency_us: The peer's delivery delay.
        peer_window_packets: The peer's flow window.
        flow_window_packets: Ours.
        max_payload_bytes: Largest payload that fits both sides' MSS.
        peer_timeout_us: Silence after which the peer counts as gone.
        stream_id: What the caller asked for, empty where it did not say.
        peer_version: The peer's SRT version, ``0x00MMmmpp``.
        keys: What both sides begin to seal with, None on a connection without encryption.
        key_refresh: When we seal with other keys.
    """

    socket_id: int
    peer_socket_id: int
    send_seqno: int
    receive_seqno: int
    epoch_us: int
    peer_timestamp_us: int
    established_us: int
    receive_latency_us: int
    send_latency_us: int
    peer_window_packets: int
    flow_window_packets: int = FLOW_WINDOW_PACKETS
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    peer_timeout_us: int = DEFAULT_PEER_TIMEOUT_US
    stream_id: str = field(default="", repr=False)
    peer_version: int = 0
    keys: SessionKeys | None = field(default=None, repr=False)
    key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH


class Connection:
    """One SRT connection in live mode.

    Args:
        parameters: What the handshake agreed on.
        key_source: Makes the keys that follow those of the handshake; without it nothing can be sent where there
            is encryption.
        passphrase: As of `OpeningKeys`.

    Attributes:
        parameters: As given.
        receiver: The receiving half.
        sender: The sending half.
        opening: Keys of what comes, None without encryption.
        sealing: Keys of what is sent, None without encryption or ``key_source``.
        heard_us: When the peer was last heard.
        close_reason: None while the connection lives; then ``closed`` (by us), ``peer_shutdown``,
            ``peer_error``, ``timeout`` or ``forgotten`` (by a listener that was restarted).
    """

    __slots__ = (
        "_outgoing",
        "_sent_us",
        "_statistics",
        "close_reason",
        "heard_us",
        "opening",
        "parameters",
        "receiver",
        "sealing",
        "sender",
    )

    def __init__(
        self,
        parameters: ConnectionParameters,
        key_source: KeySource | None = None,
        *,
        passphrase: str | None = None,
    ) -> None:
        self.parameters = parameters
        keys = parameters.keys
        self.opening = None if keys is None else OpeningKeys(keys, passphrase)
        self.sealing: SealingKeys | None = None
        if keys is not None and key_source is not None:
            self.sealing = SealingKeys(keys, key_source, parameters.key_refresh)
        clock = DeliveryClock(
            parameters.peer_timestamp_us, parameters.established_us, parameters.receive_latency_us
        )
        self.receiver = Receiver(parameters.receive_seqno, clock, parameters.flow_window_packets)
        self.sender = Sender(parameters.send_seqno, parameters.peer_window_packets, parameters.send_latency_us)
        self.heard_us = self._sent_us = parameters.established_us
        self.close_reason: str | None = None
        self._statistics = ConnectionStatistics(self.sender.statistics, self.receiver.statistics)
        self._outgoing: list[bytes] = []

    @property
    def statistics(self) -> ConnectionStatistics:
        """Counters, and gauges as of now."""
        stats = self._statistics
        # Only a side that receives data measures; the other half of a one-way connection adopts from ACKs.
        measured = self.receiver if stats.receiver.ackacks_received_packets else self.sender
        stats.rtt_us, stats.rtt_variance_us = measured.round_trip.rtt_us, measured.round_trip.variance_us
        stats.send_buffer_packets = self.sender.buffered_packets
        stats.receive_buffer_packets = self.receiver.buffered_packets
        return stats

    def send(self, payload: bytes, now_us: int) -> None:
        """Queue ``payload`` as one packet that was made now.

        Raises:
            LocalProtocolError: The connection has ended, the payload is empty or too long, or there is encryption
                and no ``key_source``.
        """
        limit = self.parameters.max_payload_bytes
        if self.close_reason is not None:
            raise LocalProtocolError(f"the connection has ended ({self.close_reason}): connect again")
        if not 0 < len(payload) <= limit:
            raise LocalProtocolError(f"a live payload has 1 to {limit} bytes, this one has {len(payload)}")
        if self.opening is not None and self.sealing is None:
            raise LocalProtocolError("an encrypted connection sends nothing without a source of keys")
        self.sender.send(payload, now_us)
        self.flush(now_us)

    def close(self, now_us: int, reason: str = "closed") -> None:
        """End the connection and tell the peer; ``reason`` is for our own side."""
        if self.close_reason is None:
            self.close_reason = reason
            self._outgoing.append(self._control(Control(ControlType.SHUTDOWN, 0, b""), now_us))

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take one datagram of this connection. Never raises: what is wrong is counted and dropped."""
        if self.close_reason is not None:
            return
        try:
            header = decode_header(datagram)
        except PacketError as error:
            self._statistics.ignored_packets[error.reason] += 1
            return
        self.handle_packet(header, datagram[HEADER_BYTES:], now_us)

    def handle_packet(self, header: Header, body: bytes, now_us: int) -> None:
        """Take one datagram whose header has been decoded, as `handle_datagram` does."""
        if self.close_reason is not None:
            return
        try:
            self._handle_packet(header, body, now_us)
        except PacketError as error:
            self._statistics.ignored_packets[error.reason] += 1
        self.flush(now_us)

    def _handle_packet(self, header: Header, body: bytes, now_us: int) -> None:
        if header.dst_socket_id != self.parameters.socket_id:
            raise PacketError("foreign_socket_id")  # left over from an earlier connection on this port
        if header.is_control:
            self._handle_control(header, body, now_us)
        else:
            self.handle_data(header, body, now_us)

    def handle_data(
        self, header: Header, payload: bytes, now_us: int, *, payload_bytes: int | None = None
    ) -> Arrival:
        """Take one data packet, where `handle_datagram` would hide what became of it; call `flush` after the last.

        Args:
            header: The packet's.
            payload: What `poll_deliveries` is to give; sealed, where the connection is encrypted.
            now_us: The time.
            payload_bytes: Its length, where the payload itself is kept, and opened, elsewhere.

        Raises:
            PacketError: ``partial_message``, ``encrypted_without_key``, ``empty_payload``, ``payload_too_long`` or
                what `OpeningKeys.cipher` raises.
        """
        if header.word1 & SOLO_MESSAGE != SOLO_MESSAGE:
            raise PacketError("partial_message")
        if self.opening is None and header.key_parity:
            raise PacketError("encrypted_without_key")
        length_bytes = payload_bytes or len(payload)
        if not length_bytes:
            raise PacketError("empty_payload")
        if length_bytes > MAX_PAYLOAD_BYTES:
            raise PacketError("payload_too_long", f"{length_bytes} bytes")
        if self.opening is not None:
            cipher = self.opening.cipher(header.key_parity)
            if payload_bytes is None:
                payload = cipher.apply(header.word0, payload)
        self.heard_us = now_us
        return self.receiver.handle_data(
            header.word0,
            header.timestamp_us,
            payload,
            now_us,
            retransmitted=bool(header.word1 & RETRANSMITTED_FLAG),
            payload_bytes=payload_bytes,
        )

    def handle_run(self, timestamps_us: list[int], now_us: int, *, payload_bytes: int) -> list[int]:
        """Take data packets that `Receiver.takes_run`, as `handle_data` takes each; call `flush` after the last.

        Args:
            timestamps_us: The peer's clock, 32 bits, in packets that are whole messages, not encrypted, and sent
                for the first time.
            now_us: The time.
            payload_bytes: Of all together.

        Returns:
            When the peer stamped each, on our clock.
        """
        self.heard_us = now_us
        return self.receiver.handle_run(timestamps_us, now_us, payload_bytes=payload_bytes)

    def _handle_control(self, header: Header, body: bytes, now_us: int) -> None:
        self.heard_us = now_us
        match header.control_type:
            case ControlType.ACK:
                self._handle_ack(header, body, now_us)
            case ControlType.NAK:
                self.sender.handle_loss_report(decode_loss_report(body))
            case ControlType.ACKACK:
                self.receiver.handle_ackack(header.word1, header.timestamp_us, now_us)
            case ControlType.DROP_REQUEST:
                self.receiver.handle_drop_request(*decode_drop_request(body), now_us)
            case ControlType.SHUTDOWN:
                self.close_reason = "peer_shutdown"
            case ControlType.PEER_ERROR:
                self.close_reason = "peer_error"
            case ControlType.USER_DEFINED:
                self._handle_key_material(header, body, now_us)
            case ControlType.KEEPALIVE | ControlType.CONGESTION_WARNING | ControlType.HANDSHAKE:
                pass  # heard, which is all that matters; a repeated handshake is the listener's to answer
            case _:
                raise PacketError("unknown_control_type", str(header.control_type))

    def _handle_key_material(self, header: Header, body: bytes, now_us: int) -> None:
        match header.control_subtype:
            case subtype if subtype == KMREQ and self.opening is not None:
                self._outgoing.append(self._control(self.opening.handle_request(body, now_us), now_us))
            case subtype if subtype == KMRSP and self.sealing is not None:
                self.sealing.handle_answer(body)
            case subtype:
                raise PacketError("unexpected_extension", str(subtype))

    def _handle_ack(self, header: Header, body: bytes, now_us: int) -> None:
        ack = decode_ack(header, body)
        self.sender.handle_ack(ack)
        if ack.ack_number:
            self._statistics.sender.ackacks_sent_packets += 1
            self._outgoing.append(self._control(Control(ControlType.ACKACK, ack.ack_number, b""), now_us))

    def handle_timer(self, now_us: int) -> None:
        """Do what is due: acknowledge, report losses, give up, keep alive, notice a dead peer."""
        if self.close_reason is not None:
            return
        if now_us - self.heard_us >= self.parameters.peer_timeout_us:
            self.close_reason = "timeout"
            return
        self.receiver.handle_timer(now_us)
        self.sender.handle_timer(now_us)
        if self.sealing is not None:
            self.sealing.handle_timer(now_us)
        self.flush(now_us)
        if now_us - self._sent_us >= KEEPALIVE_US:
            self._sent_us = now_us
            self._outgoing.append(self._control(Control(ControlType.KEEPALIVE, 0, b""), now_us))

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None when the connection has ended."""
        if self.close_reason is not None:
            return None
        due_us = min(self._sent_us + KEEPALIVE_US, self.heard_us + self.parameters.peer_timeout_us)
        sealing_us = self.sealing.poll_timer() if self.sealing is not None else None
        for half_us in (self.receiver.poll_timer(), self.sender.poll_timer(), sealing_us):
            if half_us is not None and half_us < due_us:
                due_us = half_us
        return due_us

    def poll_delivery_timer(self) -> int | None:
        """Return when `poll_deliveries` has something to give, or None."""
        return self.receiver.poll_delivery_timer()

    def poll_deliveries(self, now_us: int) -> list[Delivery]:
        """Return the payloads whose time has come, in order."""
        return self.receiver.poll_deliveries(now_us)

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send to the peer, once."""
        if not self._outgoing:
            return []
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def flush(self, now_us: int) -> None:
        """Turn what both halves want to say into datagrams."""
        for half in (self.receiver, self.sender):
            for control in half.poll_controls():
                self._outgoing.append(self._control(control, now_us))
        if self.close_reason is None and self.sender.has_transmissions:
            self._outgoing += [self._data(item, now_us) for item in self.sender.poll_transmissions(now_us)]
        if self.sealing is not None:
            self._outgoing += [self._control(control, now_us) for control in self.sealing.poll_controls()]
        if self._outgoing:
            self._sent_us = now_us

    def _control(self, control: Control, now_us: int) -> bytes:
        return encode_control(
            control.control_type,
            timestamp_us=now_us - self.parameters.epoch_us,
            dst_socket_id=self.parameters.peer_socket_id,
            info=control.info,
            body=control.body,
            subtype=control.subtype,
        )

    def _data(self, item: Transmission, now_us: int) -> bytes:
        sealing, seqno = self.sealing, item.packet_index & SEQNO_MASK
        number = message_number(item.packet_index)
        header = encode_data_header(
            seqno=seqno,
            message_word=message_word(
                number, retransmitted=item.retransmitted, key_parity=sealing.parity if sealing is not None else 0
            ),
            timestamp_us=max(item.origin_us - self.parameters.epoch_us, 0),
            dst_socket_id=self.parameters.peer_socket_id,
        )
        if sealing is None:
            return header + item.payload
        datagram = header + sealing.seal(seqno, item.payload)
        if not item.retransmitted:
            sealing.note_sealed(1, now_us, self.sender.round_trip.rtt_us)
        return datagram
