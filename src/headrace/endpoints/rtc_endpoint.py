"""The broker's WebRTC endpoint: one UDP port on which browsers watch and produce.

It is a machine for a `headrace.netio.media_loop.MediaLoop` of its own, so that neither a DTLS handshake nor
sealing for a crowd holds up SRT. It reads no clock and owns no socket.

Source: ``docs/decisions/0023-browsers.md``; RFC 9443, 3 (what a datagram is).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.picture_route import PictureRecoder
from headrace.endpoints.rtc_channel import RtcChannel
from headrace.endpoints.rtc_fanout import RtcFanout
from headrace.endpoints.rtc_inbound_layers import InboundLayers
from headrace.endpoints.rtc_producing import RtcProducing
from headrace.endpoints.rtc_room import RtcRoom
from headrace.endpoints.rtc_session import RtcSession
from headrace.netio.deadlines import Deadlines
from headrace.netio.outbox import DatagramQueue, Outbox
from headrace.remux.access_unit import AccessUnit, UnitConverter
from headrace.webrtc.ice import IceCredentials, username_ufrag
from headrace.webrtc.peer import Closed, Connected, RtcpReceived
from headrace.webrtc.stun import is_stun, read_username

MAX_ADDRESSES_PER_SESSION: Final = 16
"""A browser checks from each of its addresses; as many as its ICE agent here remembers."""

_log = structlog.get_logger()


class RtcEndpoint:
    """Drives all sessions of one port.

    Args:
        outbox: Takes what is to be sent.
        random_bytes: Unpredictable.

    Attributes:
        rooms: By channel id, those that somebody watches.
        sessions: By session id.
        ignored_packets: What was dropped, by reason.
        half_open: Sessions whose connection is not there yet.
        on_connected: Is told, in this machine's thread, of a session whose connection is there.
        on_ended: Is told, in this machine's thread, of a session that has ended by itself, and why.
    """

    def __init__(self, outbox: Outbox, random_bytes: Callable[[int], bytes]) -> None:
        self._queue = DatagramQueue(outbox)
        self._fanout = RtcFanout(outbox)
        self._random_bytes = random_bytes
        self.rooms: dict[str, RtcRoom] = {}
        self.sessions: dict[str, RtcSession] = {}
        self._by_ufrag: dict[str, RtcSession] = {}
        self._by_address: dict[bytes, RtcSession] = {}
        self._by_number: dict[int, RtcSession] = {}
        self._deadlines = Deadlines()
        self.ignored_packets: Counter[str] = Counter()
        self.half_open = 0
        self._layers: dict[str, tuple[str, InboundLayers]] = {}
        self._unplayable: set[str] = set()
        self._recoded: set[str] = set()
        self.on_connected: Callable[[str], None] = lambda _session_id: None
        self.on_ended: Callable[[str, str], None] = lambda _session_id, _reason: None

    def open_room(
        self, channel_id: str, converter: UnitConverter | None = None, recoder: PictureRecoder | None = None
    ) -> RtcRoom:
        """Return the room of a channel, a new one if need be."""
        room = self.rooms.get(channel_id)
        if room is None:
            channel = RtcChannel(channel_id, self._random_bytes, converter, recoder)
            room = self.rooms[channel_id] = RtcRoom(channel, self._fanout, partial(self._layers_of, channel_id))
        return room

    def _layers_of(self, channel_id: str) -> list[InboundLayers]:
        """Return the layers of each who produces a channel in several; of these at most one is on the air."""
        return [layers for known_id, layers in self._layers.values() if known_id == channel_id]

    def close_room(self, channel_id: str) -> None:
        """Forget a channel that nobody watches any more."""
        room = self.rooms.pop(channel_id, None)
        self._recoded.discard(channel_id)
        if room is not None:
            room.channel.close()

    def take(self, channel_id: str, payloads: list[bytes], now_us: int, *, is_gap: bool = False) -> None:
        """Take what a channel's tap gives; one that nobody watches any more is passed over."""
        room = self.rooms.get(channel_id)
        if room is not None:
            room.channel.take(payloads, now_us, is_gap=is_gap)
            self._end_unfit(room, now_us)
            room.forward(now_us)

    def take_sound(self, channel_id: str, units: Sequence[AccessUnit], now_us: int) -> None:
        """Take what a channel's sound was converted to; one that nobody watches any more is passed over."""
        room = self.rooms.get(channel_id)
        if room is not None:
            room.channel.take_units(units, now_us)
            room.forward(now_us)

    def take_pictures(self, channel_id: str, units: Sequence[AccessUnit], now_us: int) -> None:
        """Take what a channel's pictures were re-encoded to; one that nobody watches any more is passed over."""
        room = self.rooms.get(channel_id)
        if room is not None:
            room.channel.take_recoded(units, now_us)
            room.forward(now_us)

    def _end_unfit(self, room: RtcRoom, now_us: int) -> None:
        """End sessions that cannot play what the channel has now: they may agree on it anew, or hear why not."""
        channel_id, notice = room.channel.channel_id, room.channel.notice
        if notice is not None and channel_id not in self._unplayable:
            self._unplayable.add(channel_id)
            _log.warning("browsers cannot play a channel", channel=channel_id, why=notice)
        elif notice is None:
            self._unplayable.discard(channel_id)
        self._tell_recoding(room)
        for viewer in room.unfit():
            self.end(viewer.session_id, "not_playable" if notice is not None else "codec_changed", now_us)

    def _tell_recoding(self, room: RtcRoom) -> None:
        """Log that a channel's pictures are re-encoded from now on."""
        channel_id, why = room.channel.channel_id, room.channel.recoded_for
        if why is None:
            self._recoded.discard(channel_id)
        elif channel_id not in self._recoded:
            self._recoded.add(channel_id)
            _log.info(f"{why}: re-encoded for browsers", channel=channel_id)

    def add(self, session: RtcSession, now_us: int) -> None:
        """Let a session that was agreed on begin: its peer may call now."""
        self.half_open += 1
        self.sessions[session.session_id] = session
        self._by_ufrag[session.local_ufrags[-1]] = session
        self._by_number[session.number] = session
        if isinstance(session, RtcProducing) and session.layers is not None:
            self._layers[session.session_id] = session.channel_id, session.layers
            session.layers.listener = partial(self._take_layer, session.channel_id, session.layers)
        self._settle(session, now_us)

    def _take_layer(self, channel_id: str, feed: InboundLayers, rid: str, unit: AccessUnit, now_us: int) -> None:
        room = self.rooms.get(channel_id)
        if room is not None:
            room.take_layer(feed, rid, unit, now_us)

    def restart_ice(self, session_id: str, local: IceCredentials, remote: IceCredentials) -> bool:
        """Let a session's peer check with other credentials; return whether there is such a session."""
        session = self.sessions.get(session_id)
        if session is None:
            return False
        session.peer.restart_ice(local, remote)
        session.local_ufrags.append(local.ufrag)
        self._by_ufrag[local.ufrag] = session
        while len(session.local_ufrags) > 2:
            self._by_ufrag.pop(session.local_ufrags.pop(0), None)
        return True

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        """Take received datagrams. Malformed ones are dropped and counted."""
        touched: dict[int, RtcSession] = {}
        for row in range(batch.count):
            datagram, address = batch.datagram(row), batch.address(row)
            session = self._session_of(datagram, address)
            if session is None:
                self.ignored_packets["unknown_peer"] += 1
                continue
            try:
                session.peer.handle_datagram(datagram, address, now_us)
            except Exception as error:  # noqa: BLE001 - a bug must not end the others' sessions
                touched.pop(session.number, None)
                self._end_for_bug(session.channel_id, [session.session_id], error, now_us)
                continue
            if self._by_address.get(address) is not session and session.peer.has_checked(address):
                self._note_address(session, address)
            touched[session.number] = session
        for session in touched.values():
            self._attend(session, now_us)
        self._queue.flush()

    def _session_of(self, datagram: bytes, address: bytes) -> RtcSession | None:
        """Return whose datagram it is: a check names its session, and whoever has checked is known by address."""
        if is_stun(datagram):
            username = read_username(datagram)
            if username:
                return self._by_ufrag.get(username_ufrag(username))
        return self._by_address.get(address)

    def _note_address(self, session: RtcSession, address: bytes) -> None:
        """Know an address as the session's: a check that was made with its password came from there."""
        owner = self._by_address.get(address)
        if owner is not None and owner.peer.sealer is not None:
            # Whoever has a session can forge the source of its checks: that does not take it from who has it.
            return
        self._by_address[address] = session
        session.addresses.append(address)
        if len(session.addresses) > MAX_ADDRESSES_PER_SESSION:
            self._forget_address(session, session.addresses.pop(0))

    def _forget_address(self, session: RtcSession, address: bytes) -> None:
        if self._by_address.get(address) is session:
            del self._by_address[address]

    def _attend(self, session: RtcSession, now_us: int, *, is_due: bool = False) -> None:
        """Do what is due in a session, if that is so, and `_settle` it; a bug in that ends it alone."""
        try:
            if is_due:
                session.handle_timer(now_us)
            self._settle(session, now_us)
        except Exception as error:  # noqa: BLE001 - a bug must not end the others' sessions
            self._end_for_bug(session.channel_id, [session.session_id], error, now_us)

    def _end_for_bug(self, channel_id: str, session_ids: list[str], error: Exception, now_us: int) -> None:
        """End sessions that a bug has left nobody knows how."""
        _log.error(
            "browsers met a bug; they were sent away and the broker goes on",
            channel=channel_id,
            sessions=len(session_ids),
            exc_info=error,
        )
        for session_id in session_ids:
            self.end(session_id, "bug", now_us)

    def _settle(self, session: RtcSession, now_us: int) -> None:
        """See what has happened in a session, and send what it has to say."""
        peer = session.peer
        while (event := peer.poll_event()) is not None:
            if isinstance(event, Connected):
                self._note_connected(session, event, now_us)
            elif isinstance(event, Closed):
                self._forget(session, event.reason)
            elif isinstance(event, RtcpReceived):
                session.handle_rtcp(event.packet, now_us)
            else:
                session.handle_rtp(event.packet, now_us)
        self._send(session, now_us)
        self._deadlines.set(session.number, session.poll_timer() if session.is_open else None)

    def _send(self, session: RtcSession, now_us: int) -> None:
        peer = session.peer
        if peer.sealer is not None and peer.address is not None and session.is_open:
            for report in session.poll_rtcp(now_us):
                self._queue.put(peer.sealer.seal_rtcp(report), peer.address)
        while (datagram := peer.poll_datagram()) is not None:
            self._queue.put(*datagram)

    def _note_connected(self, session: RtcSession, event: Connected, now_us: int) -> None:
        address = session.peer.address
        self.half_open -= 1
        session.is_connected = True
        self.on_connected(session.session_id)
        _log.info(
            f"{session.kind} connected",
            channel=session.channel_id,
            address="" if address is None else format_sockaddr(address),
            profile=event.profile_name,
        )
        session.handle_connected(now_us)

    def end(self, session_id: str, reason: str, now_us: int) -> bool:
        """End a session, for ``reason``; return whether there was one."""
        session = self.sessions.get(session_id)
        if session is None:
            return False
        session.peer.close(now_us)
        self._send(session, now_us)
        self._forget(session, reason)
        self._queue.flush()
        return True

    def _forget(self, session: RtcSession, reason: str) -> None:
        if self.sessions.pop(session.session_id, None) is None:
            return
        session.close()
        channel_id, layers = self._layers.pop(session.session_id, ("", None))
        if layers is not None and channel_id in self.rooms:
            self.rooms[channel_id].layers.drop(layers)
        self.half_open -= not session.is_connected
        for ufrag in session.local_ufrags:
            self._by_ufrag.pop(ufrag, None)
        del self._by_number[session.number]
        for address in session.addresses:
            self._forget_address(session, address)
        self._deadlines.set(session.number, None)
        self.ignored_packets.update(session.peer.ignored_packets)
        _log.info(f"{session.kind} gone", channel=session.channel_id, reason=reason)
        self.on_ended(session.session_id, reason)

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        for room in list(self.rooms.values()):
            try:
                room.handle_timer(now_us)
            except Exception as error:  # noqa: BLE001 - a bug must not end the others' sessions
                viewers = [viewer.session_id for viewer in room.viewers]
                self._end_for_bug(room.channel.channel_id, viewers, error, now_us)
        for number in self._deadlines.pop_due(now_us):
            session = self._by_number.get(number)
            if session is not None:
                self._attend(session, now_us, is_due=True)
        self._queue.flush()

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        times = [room.poll_timer() for room in self.rooms.values()]
        times.append(self._deadlines.next_us())
        return min((due_us for due_us in times if due_us is not None), default=None)

    def close(self, now_us: int) -> None:
        """Say goodbye to every peer."""
        for session_id in list(self.sessions):
            self.end(session_id, "closed", now_us)
