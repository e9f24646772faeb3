"""The broker's connections to producers: each packet goes into its channel's ring as it comes.

Source: ``docs/internals/architecture.md``, "cut-through".
"""

from collections import Counter
from typing import Final, NamedTuple, Protocol

import structlog

from headrace.base.errors import PacketError
from headrace.base.seqno import unwrap_seqno
from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.packet_runs import MIN_RUN_PACKETS, PacketRuns
from headrace.endpoints.producer_keys import ProducerKeys
from headrace.endpoints.stranger_sieve import StrangerSieve
from headrace.fanout.subscriber_table import Rows
from headrace.hub.bitrate_limit import BitrateLimit
from headrace.hub.channel import Channel
from headrace.hub.hub import Hub
from headrace.hub.limits import MAX_PRODUCER_BITS_PER_SECOND
from headrace.hub.packet_run import PacketRun
from headrace.hub.producer import Producer
from headrace.netio.deadlines import Deadlines
from headrace.netio.outbox import DatagramQueue
from headrace.srt.connection import Connection
from headrace.srt.packet import KEY_FLAGS, ControlType, Header
from headrace.srt.rebinding import KEEPALIVE_REBIND_SILENCE_US, Rebindings, is_same_host

PRODUCER_ID_BIT: Final = 1 << 30
"""Set in the socket ids of producers' connections, clear in subscribers'."""
WATCH_INTERVAL_US: Final = 20_000
"""How often a channel with several producers is looked at: who falls silent is noticed so much later at most."""
MAX_PRODUCERS: Final = 4096
"""More than one machine can receive: 4096 of 2.5 Mbit/s are 10 Gbit/s."""

RELEASE_SLACK_US: Final = 100_000
"""What is due is let go when the next packets come; where none come, so much later."""

_log = structlog.get_logger()


class Lines(Protocol):
    """Gives a producer a socket of its own: `headrace.netio.peer_lines.PeerLines`."""

    def open(self, address: bytes) -> None:
        """Begin, for the peer at ``address``, 28 bytes."""

    def close(self, address: bytes) -> None:
        """End it."""


class _Link(NamedTuple):
    producer: Producer
    channel: Channel
    bitrate: BitrateLimit


class ProducerLinks:
    """All producers of one endpoint, by our socket id.

    Args:
        hub: Whose channels they feed.
        queue: Where answers leave.
        ignored: Counts what is dropped, by reason.
        events: Is told who comes and goes.

    Attributes:
        lines: Gives each producer a socket of its own; None leaves them to the common one.
        limit_bits_per_second: What each may send that comes from now on; 0 for no limit.
        overruns: Producers that were sent away because they sent more.
        ended: Our socket ids of connections that have ended; whoever takes them clears it.
        keys: What the packets of producers that encrypt are to be opened with before they are handed in.
    """

    def __init__(self, hub: Hub, queue: DatagramQueue, ignored: Counter[str], events: EventLog) -> None:
        self._hub = hub
        self._queue = queue
        self._ignored = ignored
        self._events = events
        self._links: dict[int, _Link] = {}
        self._sieve = StrangerSieve(ignored)
        self._strangers = 0
        self._short_of_memory: set[Channel] = set()
        self._deadlines = Deadlines()
        self._rebindings = Rebindings()
        self._watched: set[Channel] = set()
        self._watch_us: int | None = None
        self.ended: list[int] = []
        self.lines: Lines | None = None
        self.limit_bits_per_second = MAX_PRODUCER_BITS_PER_SECOND
        self.overruns = 0
        self.keys = ProducerKeys(ignored)

    def __contains__(self, socket_id: int) -> bool:
        return socket_id in self._links

    def __len__(self) -> int:
        return len(self._links)

    @property
    def is_somebody_moving(self) -> bool:
        """Whether packets come from new ports of known hosts, through the common socket, until we follow."""
        return bool(self._rebindings)

    def reserve(self, random_bits: int) -> int | None:
        """Return a socket id for a new producer, or None when there are too many or the random one is taken."""
        socket_id = PRODUCER_ID_BIT | (random_bits & (PRODUCER_ID_BIT - 1))
        return None if len(self._links) >= MAX_PRODUCERS or socket_id in self._links else socket_id

    def add(self, producer: Producer, channel: Channel, now_us: int) -> None:
        """Make a new connection one of the channel's producers; one that it replaces is ended."""
        socket_id = producer.connection.parameters.socket_id
        for replaced in self._hub.add_producer(channel, producer, now_us):
            self._close(replaced, now_us)
        self._links[socket_id] = _Link(producer, channel, BitrateLimit(self.limit_bits_per_second))
        self._sieve.forget()
        if producer.connection.opening is not None:
            self.keys.add(socket_id, producer.connection.opening)
        if self.lines is not None:
            self.lines.open(producer.address)
        self._settle(socket_id)
        self._events.note(
            "producer connected",
            channel=channel.channel_id,
            address=producer.whereabouts,
            claim=producer.claim.name.lower(),
        )
        self._follow(channel, now_us)

    def sift(self, packets: PacketColumns, rows: Rows, now_us: int) -> Rows:
        """Return those of ``rows`` to be handled: all of them, unless many strangers' have come of late."""
        self._sieve.note_strangers(self._strangers, now_us)
        self._strangers = 0
        if not self._sieve.is_wanted(now_us):
            return rows
        known = ((socket_id, link.producer.address) for socket_id, link in self._links.items())
        return self._sieve.sift(packets, rows, known, now_us)

    def _note_stranger(self, reason: str) -> None:
        self._strangers += 1
        self._ignored[reason] += 1

    def handle_packet(self, packets: PacketColumns, row: int, now_us: int) -> tuple[Channel, list[int]] | None:
        """Take one packet; return the channel and the indices of packets that are new in its ring."""
        header = packets.header(row)
        link = self._links.get(header.dst_socket_id)
        if link is None:
            self._note_stranger("unknown_connection")
            return None
        if link.producer.address != packets.address(row):
            if not self._is_from_new_port(link, header, packets.address(row), now_us):
                self._note_stranger("foreign_address")
                return None
        elif self._rebindings:
            self._rebindings.forget(header.dst_socket_id)
        connection = link.producer.connection
        if header.is_control:
            connection.handle_packet(header, packets.body(row), now_us)
            return None
        payload = packets.payload(row)
        index = unwrap_seqno(header.word0, connection.receiver.highest_index)
        try:
            connection.handle_data(header, b"", now_us, payload_bytes=len(payload))
        except PacketError as error:
            self._ignored[error.reason] += 1
            return None
        fresh = link.channel.succession.handle_payload(link.producer, index, payload, header.timestamp_us, now_us)
        self._follow(link.channel, now_us)
        return (link.channel, fresh) if fresh else None

    def handle_run(self, runs: PacketRuns, begin: int, end: int, now_us: int) -> list[tuple[Channel, list[int]]]:
        """Take the packets of a run, ``begin`` to before ``end``; return what `handle_packet` returns of each.

        What they cannot be taken for is a bug, and ends their producer.
        """
        arrived = []
        try:
            while begin < end:
                taken = self._take_together(runs, begin, end, now_us) if end - begin >= MIN_RUN_PACKETS else None
                if taken is not None:
                    begin = end
                else:
                    taken = self.handle_packet(runs.packets, runs.rows[begin], now_us)
                    begin += 1
                if taken is not None:
                    arrived.append(taken)
        except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
            self._end_for_bug(runs.headers[begin][-1], error, now_us)
        return arrived

    def _take_together(
        self, runs: PacketRuns, begin: int, end: int, now_us: int
    ) -> tuple[Channel, list[int]] | None:
        """Take the packets of a run at once, as `handle_packet` takes each, or none of them."""
        count, first_row = end - begin, runs.rows[begin]
        rows = slice(first_row, first_row + count)
        seqno, message_word, _, socket_id = runs.headers[begin]
        link = self._links.get(socket_id)
        if link is None or runs.packets.addresses[rows].tobytes() != link.producer.address * count:
            return None
        connection, succession = link.producer.connection, link.channel.succession
        if (connection.opening is not None) != bool(message_word & KEY_FLAGS):
            return None
        if not (connection.receiver.takes_run(seqno, count) and succession.takes_run(link.producer)):
            return None
        if self._rebindings:
            self._rebindings.forget(socket_id)
        first_index = connection.receiver.highest_index + 1
        lengths = runs.lengths[begin:end]
        timestamps_us = [timestamp_us for _, _, timestamp_us, _ in runs.headers[begin:end]]
        times_us = connection.handle_run(timestamps_us, now_us, payload_bytes=sum(lengths))
        run = PacketRun(runs.packets.payloads(rows), lengths, times_us, runs.unit_starts_of(begin, end))
        return link.channel, succession.handle_run(link.producer, first_index, run, now_us)

    def _follow(self, channel: Channel, now_us: int) -> None:
        """Tell who has gone on the air, close whom others have replaced, and look again soon if need be."""
        for switch in channel.succession.poll_switches():
            self._events.note(
                "producer on the air",
                channel=channel.channel_id,
                address=switch.producer.whereabouts,
                cause=switch.cause,
                held_packets=switch.held_packets,
            )
        for producer in channel.succession.poll_closing():
            self._close(producer, now_us)
        if channel.succession.needs_timer and channel not in self._watched:
            self._watched.add(channel)
            if self._watch_us is None:
                self._watch_us = now_us + WATCH_INTERVAL_US

    def end(self, socket_id: int, reason: str, now_us: int) -> None:
        """End a connection, for ``reason``; one that has ended is passed over."""
        link = self._links.get(socket_id)
        if link is not None:
            link.producer.connection.close(now_us, reason)
            self._settle(socket_id)

    def _end_for_bug(self, socket_id: int, error: Exception, now_us: int) -> None:
        """End a connection that a bug has left nobody knows how."""
        link = self._links.get(socket_id)
        if link is None:
            raise error
        _log.error(
            "a producer met a bug; it was sent away and the broker goes on",
            channel=link.channel.channel_id,
            address=link.producer.whereabouts,
            exc_info=error,
        )
        # Who went on the air before is told, and whom it replaced is closed.
        self._follow(link.channel, now_us)
        self.end(socket_id, "bug", now_us)

    def _close(self, producer: Producer, now_us: int) -> None:
        producer.connection.close(now_us)
        self._settle(producer.connection.parameters.socket_id)

    def _is_from_new_port(self, link: _Link, header: Header, address: bytes, now_us: int) -> bool:
        """Return whether a packet from elsewhere is the producer's own; follow it there when that is safe.

        Data that fits is taken at once, so that the stream has no hole; what we say goes to the known port until
        that has been silent for long enough.
        """
        connection = link.producer.connection
        if not is_same_host(address, link.producer.address):
            return False
        if header.is_control:
            silence_us = now_us - connection.heard_us
            if header.control_type != ControlType.KEEPALIVE or silence_us < KEEPALIVE_REBIND_SILENCE_US:
                return False
        elif not connection.receiver.expects(header.word0):
            return False
        elif not self._rebindings.handle_proven(header.dst_socket_id, address, now_us):
            return True
        self._move(link, address)
        return True

    def _move(self, link: _Link, address: bytes) -> None:
        old_address, link.producer.address = link.producer.address, address
        self._sieve.forget()
        self._rebindings.forget(link.producer.connection.parameters.socket_id)
        self._close_line(old_address)
        if self.lines is not None:
            self.lines.open(address)
        self._events.note(
            "producer moved",
            channel=link.channel.channel_id,
            address=format_sockaddr(address),
            old_address=format_sockaddr(old_address),
        )

    def challenge(self, channel: Channel, now_us: int) -> None:
        """Have who holds the channel answer something, to see whether it is still there."""
        holder = channel.lineup.holder
        if holder is not None:
            connection = holder.connection
            connection.receiver.probe(now_us)
            connection.flush(now_us)
            self._settle(connection.parameters.socket_id)

    def settle(self, socket_ids: set[int], now_us: int) -> None:
        """Finish the connections that were given packets: let go what is due, send what they have to say."""
        for socket_id in socket_ids:
            link = self._links.get(socket_id)
            if link is not None:
                try:
                    self._finish_batch(link, now_us)
                    self._settle(socket_id)
                except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
                    self._end_for_bug(socket_id, error, now_us)

    def _finish_batch(self, link: _Link, now_us: int) -> None:
        # The ring has the payloads; this only moves the point up to which the producer is acknowledged.
        receiver = link.producer.connection.receiver
        receiver.release_due(now_us)
        receiver.acknowledge_batch(now_us)
        link.producer.connection.flush(now_us)
        self._limit_bitrate(link, now_us)
        if link.channel.ring.failed_growths and link.channel not in self._short_of_memory:
            self._note_short_of_memory(link.channel)

    def _limit_bitrate(self, link: _Link, now_us: int) -> None:
        connection = link.producer.connection
        if link.bitrate.is_exceeded(connection.receiver.statistics.received_payload_bytes, now_us):
            self.overruns += 1
            connection.close(now_us, "bitrate_exceeded")

    def _note_short_of_memory(self, channel: Channel) -> None:
        self._short_of_memory.add(channel)
        _log.error(
            "no memory for a channel's packets: fewer are kept for those who ask again",
            channel=channel.channel_id,
            kept_packets=channel.ring.capacity_packets,
        )

    def handle_timer(self, now_us: int) -> list[tuple[Channel, list[int]]]:
        """Do what is due; return channels with the indices of packets that are new in their rings."""
        for socket_id in self._deadlines.pop_due(now_us):
            link = self._links.get(socket_id)
            if link is not None:
                try:
                    link.producer.connection.receiver.release_due(now_us)
                    link.producer.connection.handle_timer(now_us)
                    self._settle(socket_id)
                except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
                    self._end_for_bug(socket_id, error, now_us)
        if self._watch_us is None or now_us < self._watch_us:
            return []
        watched, self._watched, self._watch_us = self._watched, set(), None
        fresh = []
        for channel in watched:
            try:
                indices = channel.succession.handle_timer(now_us)
                self._follow(channel, now_us)
            except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
                self._end_all_for_bug(channel, error, now_us)
                continue
            if indices:
                fresh.append((channel, indices))
        return fresh

    def _end_all_for_bug(self, channel: Channel, error: Exception, now_us: int) -> None:
        """End a channel's producers: which of them it was whose turn could not come is not known."""
        for socket_id in [socket_id for socket_id, link in self._links.items() if link.channel is channel]:
            if socket_id in self._links:
                self._end_for_bug(socket_id, error, now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        due_us = self._deadlines.next_us()
        if due_us is None or self._watch_us is None:
            return self._watch_us if due_us is None else due_us
        return min(due_us, self._watch_us)

    def close(self, now_us: int) -> None:
        """Say goodbye to all."""
        for socket_id, link in list(self._links.items()):
            link.producer.connection.close(now_us)
            self._settle(socket_id)

    def _settle(self, socket_id: int) -> None:
        link = self._links[socket_id]
        connection = link.producer.connection
        for datagram in connection.poll_datagrams():
            self._queue.put(datagram, link.producer.address)
        self._deadlines.set(socket_id, _due_us(connection))
        if connection.close_reason is not None:
            del self._links[socket_id]
            self._sieve.forget()
            self.keys.discard(socket_id)
            self._short_of_memory.discard(link.channel)
            self._hub.remove_producer(link.channel, link.producer)
            self.ended.append(socket_id)
            self._rebindings.forget(socket_id)
            self._close_line(link.producer.address)
            self._ignored.update(connection.statistics.ignored_packets)
            self._events.note(
                "producer gone",
                channel=link.channel.channel_id,
                address=link.producer.whereabouts,
                reason=connection.close_reason,
                received_packets=connection.statistics.receiver.received_packets,
                dropped_packets=connection.statistics.receiver.dropped_packets,
            )

    def _close_line(self, address: bytes) -> None:
        if self.lines is not None and all(link.producer.address != address for link in self._links.values()):
            self.lines.close(address)


def _due_us(connection: Connection) -> int | None:
    """Return when a connection wants to be looked at, whatever comes, or None when it has ended."""
    due_us, delivery_us = connection.poll_timer(), connection.poll_delivery_timer()
    if due_us is None or delivery_us is None:
        return due_us
    return min(due_us, delivery_us + RELEASE_SLACK_US)
