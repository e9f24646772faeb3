"""How one producer of a channel follows another: who goes on the air, when, and what of each is sent.

Source: ``docs/decisions/0011-one-timeline.md``.
"""

from collections import Counter
from typing import Final, Literal, NamedTuple

import numpy as np

from headrace.base.datagram_batch import U8Array
from headrace.hub.channel_stream import ChannelStream
from headrace.hub.lineup import Lineup
from headrace.hub.packet_run import PacketRun
from headrace.hub.producer import Claim, Producer
from headrace.hub.standby import Standby
from headrace.hub.unpacking import SLICE_PACKETS, Unpacking
from headrace.mpegts.splice import Splice, blank

MAX_PATIENCE_US: Final = 1_000_000
"""So long a libsrt sender keeps a packet at least. While one is missing, none after it is acknowledged either."""
MAX_PICTURE_US: Final = 500_000
"""A take-over waits for the end of the picture that is being sent, and not longer than this. FFmpeg's muxer keeps
the end of what it has written until more comes, up to 0.3 s later where it gathers sound."""
MAX_HELD_AT_ONCE_PACKETS: Final = 64
"""A keyframe of 84 kB: what a link for the channel bears at once."""
STALL_US: Final = 150_000
"""Who looks at a channel every 20 ms and has not for so long was held up itself, and nobody has fallen silent."""

SwitchCause = Literal["first", "return", "takeover", "silence"]


class Switch(NamedTuple):
    """Another producer's packets go on the air.

    Attributes:
        producer: Whose.
        replaced: Who was on the air until now, or None.
        cause: ``first`` in the channel's life; ``return``, nobody was on the air; ``takeover``; ``silence`` of the
            one before.
        held_packets: So many are sent that came earlier.
    """

    producer: Producer
    replaced: Producer | None
    cause: SwitchCause
    held_packets: int


class _Retired(NamedTuple):
    """Who was on the air: what is missing before ``end_index`` is still taken from it until ``until_us``."""

    producer: Producer
    splice: Splice | None
    end_index: int
    until_us: int


class Succession:
    """Puts the packets of whose turn it is into a channel's stream.

    Args:
        stream: The channel's.

    Attributes:
        lineup: Who is on the air, and who stands by.
        switches: How often another producer went on the air, by cause.
    """

    __slots__ = (
        "_closing",
        "_has_backlog",
        "_longest_latency_us",
        "_looked_us",
        "_retired",
        "_stream",
        "_successor",
        "_switches",
        "_unpacking",
        "lineup",
        "switches",
    )

    def __init__(self, stream: ChannelStream) -> None:
        self.lineup = Lineup()
        self.switches: Counter[SwitchCause] = Counter()
        self._stream = stream
        self._longest_latency_us = 0
        self._looked_us = 0
        self._successor: tuple[Standby, int] | None = None
        self._retired: _Retired | None = None
        self._unpacking: Unpacking | None = None
        self._closing: list[Producer] = []
        self._has_backlog = False
        self._switches: list[Switch] = []

    @property
    def needs_timer(self) -> bool:
        """Whether `handle_timer` is to be called every few milliseconds."""
        return bool(self.lineup.standbys) or self._retired is not None or self._unpacking is not None

    def join(self, producer: Producer, now_us: int) -> None:
        """Let a producer in: on the air at once if the channel has never had a packet, else in its turn."""
        if self._stream.ring.next_index == 0 and not self.lineup:
            self._put_on_air(producer, now_us)
            self._note(Switch(producer, None, "first", 0))
        else:
            self.lineup.stand_by(producer, now_us)

    def leave(self, producer: Producer) -> None:
        """Forget a producer; what it sent stays, but nobody starts there, as that would not be live."""
        if producer is self.lineup.on_air:
            self._stream.end()
            # No picture of it is to be waited for any more: whose turn it is is looked for anew.
            self._successor = None
        if self._retired is not None and self._retired.producer is producer:
            self._retired = None
        if self._successor is not None and self._successor[0].producer is producer:
            self._successor = None
        if self._unpacking is not None and self._unpacking.standby.producer is producer:
            self._unpacking = None
        self.lineup.remove(producer)

    def handle_payload(
        self, producer: Producer, index: int, payload: U8Array, timestamp_us: int, now_us: int
    ) -> list[int]:
        """Take one packet of one of its producers; return the indices of packets that are new in the ring.

        Args:
            producer: Has joined.
            index: The packet's in the producer's connection, unbounded.
            payload: Shape ``(length,)``.
            timestamp_us: The producer's, 32 bits.
            now_us: The time.
        """
        place = producer.timeline.place(index)
        if place is None:
            return []
        time_us = producer.channel_time_us(timestamp_us)
        standby = self.lineup.standby_of(producer) if self.lineup.standbys else None
        if standby is not None:
            standby.put(place, payload, time_us, now_us)
            return self._switch_if_due(now_us)
        if producer is not self.lineup.on_air:
            return self._handle_retired(place, payload, time_us)
        self.lineup.heard_us = now_us
        if self._unpacking is not None:
            return self._unpack(self._unpacking.handle_payload(place, payload, time_us, now_us))
        if self._successor is not None:
            return self._handle_last(place, payload, time_us, now_us)
        is_whole = not producer.connection.receiver.losses
        return [place] if self._stream.put(place, payload, time_us, is_whole=is_whole) else []

    def takes_run(self, producer: Producer) -> bool:
        """Return whether `handle_run` may be given packets of ``producer``: they just go into the stream."""
        return producer is self.lineup.on_air and self._unpacking is None and self._successor is None

    def handle_run(self, producer: Producer, first_index: int, run: PacketRun, now_us: int) -> list[int]:
        """Take consecutive packets, as `handle_payload` takes each; return the indices of those that are new.

        Args:
            producer: One that it `takes_run` of.
            first_index: The first packet's in the producer's connection, unbounded, newer than all that came.
            run: The packets.
            now_us: The time.
        """
        place = producer.timeline.place_run(first_index, len(run.lengths))
        self.lineup.heard_us = now_us
        return self._stream.put_run(place, run, is_whole=not producer.connection.receiver.losses)

    def _handle_last(self, place: int, payload: U8Array, time_us: int, now_us: int) -> list[int]:
        """Take a packet of who is to be replaced, up to where the next picture begins."""
        content = payload.tobytes()
        # A packet that comes late may be the beginning of the picture that is being sent.
        is_newest = place >= self._stream.ring.next_index
        end = self._stream.picture_start(content) if is_newest else None
        if end is None:
            fresh = [place] if self._stream.put(place, payload, time_us) else []
            return fresh + self._switch_if_due(now_us)
        fresh = []
        # With nothing of the last picture in it, it still keeps the places of what is missing before it.
        is_needed = end > 0 or place > self._stream.ring.next_index
        last = np.frombuffer(blank(content, end, len(content)), np.uint8)
        if is_needed and self._stream.put(place, last, time_us):
            fresh = [place]
        return fresh + self._switch_to_successor(now_us)

    def _handle_retired(self, place: int, payload: U8Array, time_us: int) -> list[int]:
        retired = self._retired
        if retired is None or place >= retired.end_index:
            return []
        return [place] if self._stream.put_late(place, payload, time_us, retired.splice) else []

    def handle_timer(self, now_us: int) -> list[int]:
        """Switch to another producer if it is due; return the indices of packets that are new in the ring."""
        if self._retired is not None and now_us >= self._retired.until_us:
            self._dismiss_retired()
        return self._switch_if_due(now_us)

    def _unpack(self, fresh: list[int]) -> list[int]:
        """Note what was moved, and return it: ``fresh``."""
        unpacking = self._unpacking
        if unpacking is None:
            raise AssertionError("called only while there is something to move")
        self._has_backlog = bool(fresh) and unpacking.packets > MAX_HELD_AT_ONCE_PACKETS
        if unpacking.is_over:
            self._unpacking = None
        return fresh

    def _switch_if_due(self, now_us: int) -> list[int]:
        if now_us - self._looked_us > STALL_US and self.lineup.on_air is not None:
            self.lineup.heard_us = now_us
        self._looked_us = now_us
        if self._unpacking is not None:
            return self._unpack(self._unpacking.next_slice(now_us))
        if self._successor is not None:
            return self._switch_to_successor(now_us) if now_us >= self._successor[1] else []
        standby = self.lineup.next_up(now_us)
        if standby is None:
            return []
        is_speaking = self.lineup.on_air is not None and not self.lineup.is_silent(now_us)
        if is_speaking and self._stream.video_pid is not None:
            self._successor = standby, now_us + MAX_PICTURE_US
            return []
        return self._switch_to(standby, now_us)

    def _switch_to_successor(self, now_us: int) -> list[int]:
        if self._successor is None:
            raise AssertionError("called only when somebody is to go on the air")
        standby, self._successor = self._successor[0], None
        return self._switch_to(standby, now_us)

    def _switch_to(self, standby: Standby, now_us: int) -> list[int]:
        begin = standby.start_index(now_us)
        if begin is None:
            return []
        replaced, producer, end = self.lineup.on_air, standby.producer, standby.ring.next_index
        cause: SwitchCause = "return" if replaced is None else "takeover"
        if replaced is not None and standby.waits_for_silence:
            cause = "silence"
        if replaced is not None:
            self._replace(replaced, now_us, is_demoted=cause == "silence")
        first_index = self._stream.ring.next_index
        first = [content for _, content, _ in standby.packets(begin, min(begin + SLICE_PACKETS, end))]
        self._stream.begin(standby.starts.tables, first, now_us)
        self._put_on_air(producer, now_us)
        self._note(Switch(producer, replaced, cause, end - begin))
        self._unpacking = Unpacking(standby, begin, self._stream, now_us)
        self._unpack(self._unpacking.next_slice(now_us))
        return self._stream.new_since(first_index)

    def _put_on_air(self, producer: Producer, now_us: int) -> None:
        self.lineup.put_on_air(producer, now_us)
        self.allow_latency(0)

    def _replace(self, producer: Producer, now_us: int, *, is_demoted: bool) -> None:
        """Take ``producer`` off the air: it stands by from now on, or may only send what is still missing."""
        if is_demoted or producer.claim is Claim.STAND_BY:
            self.lineup.stand_by(producer, now_us, is_demoted=True)
            return
        self._dismiss_retired()
        until_us = now_us + producer.connection.receiver.clock.latency_us
        self._retired = _Retired(producer, self._stream.splice, self._stream.ring.next_index, until_us)

    def _dismiss_retired(self) -> None:
        if self._retired is not None:
            self._closing.append(self._retired.producer)
            self._retired = None

    def _note(self, switch: Switch) -> None:
        self.switches[switch.cause] += 1
        self._switches.append(switch)

    def poll_switches(self) -> list[Switch]:
        """Return who has gone on the air, once."""
        switches, self._switches = self._switches, []
        return switches

    def poll_backlog(self) -> bool:
        """Return, once, whether a switch has brought more packets than can be sent to everybody at once."""
        has_backlog, self._has_backlog = self._has_backlog, False
        return has_backlog

    def poll_closing(self) -> list[Producer]:
        """Return the producers whose connections are to be closed, once: others have replaced them."""
        closing, self._closing = self._closing, []
        return closing

    def allow_latency(self, latency_us: int) -> None:
        """Ask for a missing packet, and keep all, as long as a subscriber with this latency can use them."""
        self._stream.ring.retain(latency_us)
        self._longest_latency_us = max(self._longest_latency_us, min(latency_us, MAX_PATIENCE_US))
        if self.lineup.on_air is not None:
            own_us = self.lineup.on_air.connection.parameters.receive_latency_us
            self.lineup.on_air.connection.receiver.clock.latency_us = max(own_us, self._longest_latency_us)

    @property
    def hopeless_index(self) -> int:
        """What is older than this and not in the ring will never come."""
        if self.lineup.on_air is None:
            return self._stream.ring.next_index
        hopeless_index = _hopeless_index(self.lineup.on_air)
        if self._unpacking is not None:
            hopeless_index += self._unpacking.shift
        return (
            hopeless_index
            if self._retired is None
            else min(hopeless_index, _hopeless_index(self._retired.producer))
        )


def _hopeless_index(producer: Producer) -> int:
    return producer.timeline.channel_index(producer.connection.receiver.delivery_index)
