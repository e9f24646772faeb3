"""The broker's SRT endpoint: one UDP port on which producers send and subscribers receive.

It reads no clock and owns no socket: batches and the time come in, an `Outbox` takes what goes out.

Source: ``docs/internals/architecture.md``, "how a packet flows".
"""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from headrace.access.ask import Ask, Verb
from headrace.access.directory import OPEN_DIRECTORY, Directory
from headrace.access.gate import Denial
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.admissions import Admissions, Admitted
from headrace.endpoints.channel_taps import ChannelTaps, OpenTap, TapSink
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.handshake_gate import HandshakeGate
from headrace.endpoints.hook_desk import Hook, HookDesk
from headrace.endpoints.packet_columns import LISTENER_SOCKET_ID, PacketColumns
from headrace.endpoints.packet_runs import PacketRuns
from headrace.endpoints.passphrase_checks import PassphraseChecks
from headrace.endpoints.producer_links import PRODUCER_ID_BIT, Lines, ProducerLinks
from headrace.endpoints.refusal_log import RefusalLog
from headrace.endpoints.slate_shows import SlateShows
from headrace.endpoints.subscriber_links import SubscriberLinks
from headrace.endpoints.visitors import VISITOR_ID_BIT, Visitors
from headrace.fanout.ring import DEFAULT_BACKLOG, BacklogLimit
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.crowd import Crowd
from headrace.hub.hub import Admission, Hub
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.hub.producer import Claim, Producer
from headrace.mpegts.slate_player import Slate
from headrace.netio.clock import unix_time_us
from headrace.netio.outbox import DatagramQueue, Outbox
from headrace.srt.connection import Connection
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.rejection import RejectReason, explain_rejection
from headrace.srt.session_keys import SessionKeys
from headrace.srt.stream_id import AccessRequest

MIN_SUBSCRIBER_MSS_BYTES: Final = 1360
"""Seven transport stream packets, which is what all encoders send, and 44 bytes of headers."""
_COOKIE_SECRET_BYTES: Final = 32
_RATE_SECRET_BYTES: Final = 8
# NumPy takes twice as long with a number of Python's.
_ONE: Final = np.uint32(1)
_MOST_SUBSCRIBERS: Final = np.uint32(PRODUCER_ID_BIT - 1)


class SrtEndpoint:
    """Drives the channels of a hub from the packets of one port.

    Args:
        options: What the listener offers.
        outbox: Takes what is to be sent.
        random_bytes: Source of secrets and socket ids.
        backlog: How much a new subscriber may be sent of what there was before it came.
        takeover: Let every producer replace the one before it, as if it had asked for that.
        directory: Who may do what; None until `use_directory`, before which nobody who calls gets an answer.
        unix_time_us: Tells the wall clock's time, by which tokens expire.
        limits: How much of everything there may be.

    Attributes:
        hub: The channels.
        table: The subscribers.
        ignored_packets: What was dropped, by reason.
        events: What happened.
        visitors: Who is inside without an SRT connection.
    """

    def __init__(
        self,
        options: ListenerOptions,
        outbox: Outbox,
        random_bytes: Callable[[int], bytes],
        backlog: BacklogLimit = DEFAULT_BACKLOG,
        *,
        takeover: bool = False,
        directory: Directory | None = OPEN_DIRECTORY,
        unix_time_us: Callable[[], int] = unix_time_us,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._everybody_takes_over = takeover
        self._admissions = Admissions(directory, unix_time_us)
        self._limits = limits
        self.table = SubscriberTable()
        self.hub = Hub(self.table, limits.channels, backlog)
        self.ignored_packets: Counter[str] = Counter()
        self._limits_reached: Counter[str] = Counter()
        self.events = EventLog()
        self._random_bytes = random_bytes
        self._listener = Listener(options, random_bytes(_COOKIE_SECRET_BYTES))
        self._listener.ignored_packets = self.ignored_packets
        self._gate = HandshakeGate(
            self._listener.is_good_cookie, self.ignored_packets, random_bytes(_RATE_SECRET_BYTES)
        )
        self._passphrases = PassphraseChecks()
        self._crowd = Crowd(limits.connections, limits.connections_per_host)
        self.visitors = Visitors(self._admissions, self._crowd, limits.subscribers_per_channel)
        self._taps = ChannelTaps(self.hub)
        self._queue = DatagramQueue(outbox)
        self._producers = ProducerLinks(self.hub, self._queue, self.ignored_packets, self.events)
        self._producers.limit_bits_per_second = limits.producer_bits_per_second
        self._refusals = RefusalLog(self.events)
        self._slates = SlateShows(self.hub, self.events)
        self._subscribers = SubscriberLinks(
            self.hub,
            self.table,
            outbox,
            self._queue,
            self.ignored_packets,
            events=self.events,
            random_bytes=random_bytes,
            key_refresh=options.key_refresh,
        )

    @property
    def refused_connections(self) -> Counter[int]:
        """How many connections were refused, by the code on the wire."""
        return self._refusals.by_code

    @property
    def limits_reached(self) -> dict[str, int]:
        """How often somebody was turned away or sent away, by the limit that was reached."""
        return {
            **(self._limits_reached + self.visitors.limits_reached),
            "producer_bitrate": self._producers.overruns,
            "failed_attempts": self._admissions.told_to_wait + self._passphrases.told_to_wait,
        }

    @property
    def producer_count(self) -> int:
        """Producers that are connected, on the air or not."""
        return len(self._producers)

    @property
    def dropped_subscribers(self) -> Counter[str]:
        """How many subscribers the broker gave up: ``timeout``, ``acknowledges_nothing``, ``beyond_recovery``."""
        return self._subscribers.dropped

    @property
    def shared_seals(self) -> Mapping[Channel, SharedSeal]:
        """What is sealed once for several subscribers, of each channel in which somebody shares a key."""
        return self._subscribers.shared_seals

    @property
    def ended_rights(self) -> Counter[str]:
        """How many were sent away because they may not be here any longer, by the reason."""
        return self._admissions.ended

    def use_lines(self, lines: Lines) -> None:
        """Let ``lines`` give each producer a socket of its own from now on."""
        self._producers.lines = lines

    def use_slate(self, slate: Slate, now_us: int) -> None:
        """Show ``slate`` in channels whose producer has gone."""
        self._slates.use(slate, now_us)

    def use_directory(self, directory: Directory, now_us: int) -> None:
        """Decide by ``directory`` from now on, and send away who may not be here any longer."""
        reasons = self._admissions.use(directory, self.hub.channels)
        for channel_id, reason in reasons.items():
            group = self.hub.channels[channel_id].subscribers
            rows = np.concatenate([group.columns.rows, group.behind_rows])
            socket_ids = self.table.rows["socket_id"][rows].tolist()
            self._send_away(dict.fromkeys(filter(self._admissions.is_without_grant, socket_ids), reason), now_us)
        self._send_away(self._admissions.end_held(), now_us)
        self._finish(now_us)

    @property
    def hook_answers(self) -> Counter[str]:
        """How often another service said what of those who came: ``allowed``, or the code of a refusal."""
        return Counter() if self._admissions.desk is None else self._admissions.desk.answers

    def use_hook(self, hook: Hook, kept_us: int) -> None:
        """Have another service asked about everybody who comes; what it said holds for ``kept_us``."""
        self._admissions.desk = HookDesk(hook, kept_us)

    def handle_verdict(self, question: HookQuestion, verdict: HookVerdict, now_us: int) -> None:
        """Take what that service has said; whom it is about will ask again."""
        if self._admissions.desk is not None:
            self._admissions.desk.handle_verdict(question, verdict, now_us)

    def ask(self, ask: Ask, address: bytes, now_us: int) -> Admitted | Denial | None:
        """Return whether somebody may do what it asks for by other means than SRT.

        Args:
            ask: What it asks for.
            address: Where it comes from, 28 bytes: a host that has failed often is told to wait.
            now_us: The time.

        Returns:
            None while that is not known, as another service is being asked: ask again after a quarter of a second.
        """
        wanted = AccessRequest(ask.channel_id or "", ask.verb.value, credential=ask.credential)
        return self._admissions.decide(ask, wanted, address, now_us)

    def vouch(self, admitted: Admitted, voucher: str, now_us: int) -> None:
        """Admit who calls within some seconds with ``voucher`` as its stream key, which nobody can guess."""
        self._admissions.vouch(admitted, voucher, now_us)

    def admit_viewer(self, admitted: Admitted, address: bytes, now_us: int) -> int | Denial:
        """Let in who watches by other means than SRT.

        Returns:
            Its number among the `visitors`, or why there is no room.
        """
        channel = self.hub.channels.get(admitted.grant.channel_id)
        subscribers = 0 if channel is None else len(channel.subscribers)
        return self.visitors.enter(admitted, address, subscribers, now_us)

    def open_tap(self, channel_id: str, sink: TapSink, now_us: int) -> OpenTap | None:
        """Have ``sink`` called, in the thread that calls this machine, with a channel's packets in order.

        They begin with the newest keyframe. The channel is there until `close_tap`, with a producer or without.

        Returns:
            None if there are too many channels.
        """
        channel = self.hub.open_channel(channel_id)
        if channel is None:
            self._limits_reached["channels"] += 1
            return None
        return self._taps.open(channel, sink, now_us)

    def close_tap(self, tap: OpenTap) -> None:
        """End what `open_tap` has begun; what has ended is passed over."""
        self._taps.close(tap)

    def _send_away(self, reasons: Mapping[int, str], now_us: int) -> None:
        """End connections, our socket ids with the reasons, subscribers' some at a time."""
        for socket_id, reason in reasons.items():
            self._admissions.ended[reason] += 1
            if socket_id & VISITOR_ID_BIT:
                self.visitors.end(socket_id, reason)
            elif socket_id & PRODUCER_ID_BIT:
                self._producers.end(socket_id, reason, now_us)
            else:
                self._subscribers.end(socket_id, reason)

    def kick(self, socket_id: int, now_us: int) -> bool:
        """Send away a producer or subscriber because somebody who may wants that; return whether there was one."""
        if socket_id not in self._producers and self.table.row_of(socket_id) is None:
            return False
        self._send_away({socket_id: "kicked"}, now_us)
        self._finish(now_us)
        return True

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        """Take received datagrams, sending on at once what is new. Malformed ones are dropped and counted."""
        packets = PacketColumns.of(batch)
        # Seen as unsigned, 0 is the largest of all one less: one comparison finds subscribers' ids.
        of_subscribers = packets.dst_socket_id - _ONE < _MOST_SUBSCRIBERS
        count = np.count_nonzero(of_subscribers)
        if count < len(of_subscribers):
            self._handle_others(packets, np.flatnonzero(~of_subscribers), now_us)
        if count:
            everything = count == len(of_subscribers)
            mine = packets if everything else packets.take(np.flatnonzero(of_subscribers))
            self._subscribers.handle_packets(mine, now_us)
        self._subscribers.sweep_if_due(now_us)
        self._taps.forward(now_us)
        self._finish(now_us)

    def _handle_others(self, packets: PacketColumns, rows: Rows, now_us: int) -> None:
        if np.count_nonzero(packets.dst_socket_id) < len(packets.lengths):
            is_handshake = packets.dst_socket_id[rows] == LISTENER_SOCKET_ID
            for row in self._gate.admit(packets, rows[is_handshake], now_us):
                try:
                    self._handle_handshake(packets, row, now_us)
                except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
                    self._refusals.note_bug(error, now_us)
            rows = rows[~is_handshake]
        fresh: dict[Channel, list[int]] = {}
        touched: set[int] = set()
        known = self._producers.sift(packets, rows, now_us)
        for opened in self._producers.keys.parts(packets, known):
            runs = PacketRuns.of(packets, opened)
            for begin, end in pairwise(runs.bounds):
                touched.add(runs.headers[begin][-1])
                for channel, indices in self._producers.handle_run(runs, begin, end, now_us):
                    fresh.setdefault(channel, []).extend(indices)
        # What overtakes the answer to a handshake is thrown away, and counts as lost.
        self._queue.flush()
        self._subscribers.forward(fresh.items(), now_us)
        self._producers.settle(touched, now_us)
        if self._producers.is_somebody_moving:
            self._subscribers.patience.note_urgent(now_us)

    def wait_us(self, now_us: int) -> int | None:
        """Return how long what subscribers send may wait from now on; None while there are none."""
        return self._subscribers.wait_us(now_us)

    def _handle_handshake(self, packets: PacketColumns, position: int, now_us: int) -> None:
        address = packets.address(position)
        answer = self._listener.handle_handshake(packets.header(position), packets.body(position), address, now_us)
        for request, reason in self._listener.poll_refusals():
            self._refusals.note(request, int(reason), explain_rejection(reason), now_us)
        if isinstance(answer, ConnectionRequest):
            self._subscribers.patience.note_caller(now_us)
            answer = self._answer_request(answer, now_us)
        else:
            self._subscribers.patience.note_stranger(now_us)
        if answer is not None:
            self._queue.put(answer, address)

    def _answer_request(self, request: ConnectionRequest, now_us: int) -> bytes | None:
        limit = self._crowd.limit_reached(request.address)
        if limit is not None:
            return self._refuse_beyond(limit, request, now_us)
        admitted = self._admissions.ask(request, now_us)
        if admitted is None:
            return None
        if isinstance(admitted, Denial):
            return self._refuse(request, RejectReason(admitted.code), admitted.why, now_us)
        is_subscriber = admitted.grant.verb is Verb.REQUEST
        # Before the passphrase, which costs a millisecond: who has it right could ask for ever.
        if is_subscriber and request.handshake.mss_bytes < MIN_SUBSCRIBER_MSS_BYTES:
            return self._refuse(request, RejectReason.UNACCEPTABLE, "its MSS is below 1360 bytes", now_us)
        keys = self._passphrases.agree(request, admitted.grant, now_us)
        if isinstance(keys, Denial):
            return self._refuse(request, RejectReason(keys.code), keys.why, now_us)
        if is_subscriber:
            return self._answer_subscriber(request, admitted, keys, now_us)
        return self._answer_producer(request, admitted, keys, now_us)

    def _answer_subscriber(
        self, request: ConnectionRequest, admitted: Admitted, keys: SessionKeys | None, now_us: int
    ) -> bytes:
        socket_id = self.table.reserve(int.from_bytes(self._random_bytes(4), "big"))
        if socket_id is None:
            return self._refuse_beyond("subscribers", request, now_us)
        channel = self.hub.open_channel(admitted.grant.channel_id)
        if channel is None:
            return self._refuse_beyond("channels", request, now_us)
        watching = len(channel.subscribers) + self.visitors.watching(channel.channel_id)
        if watching >= self._limits.subscribers_per_channel:
            return self._refuse_beyond("subscribers_of_channel", request, now_us)
        least_ms = self._budget_ms(channel)
        first_seqno = self._subscribers.shared_seqno(
            channel, admitted.grant.rule.passphrase, keys, request, now_us
        )
        answer, parameters = self._listener.accept(
            request, socket_id, now_us, peer_latency_ms=least_ms, keys=keys, send_seqno=first_seqno
        )
        self._crowd.enter(socket_id, request.address)
        self._admissions.enter(socket_id, admitted, now_us)
        self._subscribers.add(parameters, request.address, channel, now_us, shares=first_seqno is not None)
        return answer

    def _budget_ms(self, channel: Channel) -> int:
        """Return the latency of the producer's link, or what a producer will have at least."""
        if channel.producer is None:
            return self._listener.options.receive_latency_ms
        return channel.producer.connection.parameters.receive_latency_us // 1000

    def _claim(self, wanted: AccessRequest) -> Claim:
        if _is_set(wanted, "standby"):
            return Claim.STAND_BY
        return Claim.TAKE_OVER if self._everybody_takes_over or _is_set(wanted, "takeover") else Claim.PRODUCE

    def _answer_producer(
        self, request: ConnectionRequest, admitted: Admitted, keys: SessionKeys | None, now_us: int
    ) -> bytes | None:
        channel_id, claim = admitted.grant.channel_id, self._claim(admitted.wanted)
        match self.hub.admit_producer(channel_id, claim, now_us):
            case Admission.WAIT:
                self._producers.challenge(self.hub.channels[channel_id], now_us)
                return None
            case Admission.CONFLICT:
                return self._refuse(request, RejectReason.CONFLICT, "the channel has a live producer", now_us)
            case Admission.FULL:
                limit = "standbys" if channel_id in self.hub.channels else "channels"
                return self._refuse_beyond(limit, request, now_us)
            case Admission.ADMIT:
                pass
        socket_id = self._producers.reserve(int.from_bytes(self._random_bytes(4), "big"))
        channel = None if socket_id is None else self.hub.open_channel(channel_id)
        if socket_id is None or channel is None:
            return self._refuse_beyond("producers", request, now_us)
        if not channel.ring.prepare():
            self.hub.release(channel)
            return self._refuse(request, RejectReason.OVERLOAD, "there is no memory for its packets", now_us)
        answer, parameters = self._listener.accept(request, socket_id, now_us, keys=keys)
        self._admissions.enter(socket_id, admitted, now_us)
        self._crowd.enter(socket_id, request.address)
        producer = Producer(Connection(parameters), request.address, claim, admitted.host)
        self._producers.add(producer, channel, now_us)
        return answer

    def _refuse_beyond(self, limit: str, request: ConnectionRequest, now_us: int) -> bytes:
        self._limits_reached[limit] += 1
        return self._refuse(request, RejectReason.OVERLOAD, f"too many {limit.replace('_', ' ')}", now_us)

    def _refuse(self, request: ConnectionRequest, reason: RejectReason, why: str, now_us: int) -> bytes:
        self._refusals.note(request, int(reason), why, now_us)
        return self._listener.reject(request, reason)

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        self._subscribers.forward(self._producers.handle_timer(now_us), now_us)
        self._subscribers.forward(self._slates.handle_timer(now_us), now_us)
        self._subscribers.handle_timer(now_us)
        self._refusals.handle_timer(now_us)
        self._send_away(self._admissions.handle_timer(now_us), now_us)
        self._taps.forward(now_us)
        self._finish(now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        due_us: int | None = None
        for part in (
            self._producers,
            self._subscribers,
            self._refusals,
            self._slates,
            self._admissions,
            self._taps,
        ):
            part_us = part.poll_timer()
            if part_us is not None and (due_us is None or part_us < due_us):
                due_us = part_us
        return due_us

    def close(self, now_us: int) -> None:
        """Say goodbye to every peer."""
        self._producers.close(now_us)
        self._subscribers.close(now_us)
        self._finish(now_us)

    def _finish(self, now_us: int) -> None:
        self._queue.flush()
        for ended in (self._producers.ended, self._subscribers.ended):
            for socket_id in ended:
                self._listener.forget(socket_id, now_us)
                self._admissions.leave(socket_id, now_us)
                self._crowd.leave(socket_id)
            ended.clear()


def _is_set(wanted: AccessRequest, key: str) -> bool:
    return wanted.extra.get(key, "0").lower() in {"1", "true", "yes"}
