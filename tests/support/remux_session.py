"""A WHIP producer with clocks that run wrong, the network, and the remuxers behind it, in virtual time.

What is captured bears its number, so that each unit that comes out can be set against the moment of its capture.
"""

from heapq import heappop, heappush
from itertools import count
from random import Random

from tests.simnet.link import RunningLink, SimLink
from tests.support.rtp_streams import PPS, SPS

from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.remux.rtp_to_units import RtpToUnits
from headrace.remux.ts_to_units import TsToUnits
from headrace.remux.units_to_ts import UnitsToTs
from headrace.webrtc.rtp import decode_rtp

SECOND = 1_000_000
WALL_US = 1_800_000_000 * SECOND
NUMBER_BYTES = 4


def _write_number(number: int) -> bytes:
    """Return a number in bytes of which none is 0, so that there is no start code."""
    return bytes(1 + number // 100**place % 100 for place in range(NUMBER_BYTES))


def _read_number(data: bytes) -> int:
    return sum((byte - 1) * 100**place for place, byte in enumerate(data[:NUMBER_BYTES]))


class Track:
    """A camera or a microphone, its packets and those who put them together.

    Args:
        codec: H.264 or Opus.
        interval_us: Of its pictures or frames of sound, true time.
        clock_ppm: How much faster than true time its RTP clock runs.
        report_us: Between two sender reports; None for none.
        session: Of the receiver.
    """

    def __init__(
        self, codec: Codec, interval_us: int, clock_ppm: int, report_us: int | None, session: SessionClock
    ) -> None:
        self.codec = codec
        self.interval_us = interval_us
        self.report_us = report_us
        self.receiver = RtpToUnits(codec, session)
        self.sent: dict[int, bytes] = {}
        self._clock_ppm = clock_ppm
        self._packetizer = RtpPacketizer(
            codec, ssrc=1, payload_type=96, first_index=0xFF00, timestamp_offset=0xFFF0_0000 + clock_ppm
        )

    def clock_90khz(self, now_us: int) -> int:
        """Return the track's own clock at a true time."""
        return now_us * (1_000_000 + self._clock_ppm) * 9 // 100_000_000

    def capture(self, number: int, now_us: int, *, key: bool) -> list[bytes]:
        """Return the packets of the picture or the sound of now."""
        if self.codec.is_video:
            slice_nal = _write_number(number) + b"\x09" * 300
            data = [SPS, PPS, b"\x65" + slice_nal] if key else [b"\x41" + slice_nal]
        else:
            data = [b"\xfc" + _write_number(number)]
        time_90khz = self.clock_90khz(now_us)
        first = self._packetizer.next_index
        packets = self._packetizer.packetize(AccessUnit(self.codec, time_90khz, time_90khz, data, key))
        self.sent |= {(first + at) & 0xFFFF: packet for at, packet in enumerate(packets)}
        return packets

    def report(self, now_us: int, wall_ppm: int) -> tuple[int, int]:
        """Return the wall clock and the RTP timestamp of now."""
        wall_us = WALL_US + now_us * (1_000_000 + wall_ppm) // 1_000_000
        return wall_us, self._packetizer.timestamp_at(self.clock_90khz(now_us))


class Session:
    """A producer with camera and microphone, and what a player of the channel gets of it.

    Args:
        seed: Of the network.
        link: To the receiver; what it asks for again comes back by the same.
        picture_ppm: How much faster than true time the camera's clock runs.
        sound_ppm: Likewise the sound card's.
        wall_ppm: Likewise the wall clock of which sender reports tell.
        has_reports: Whether there are any, as browsers send: of pictures each second, of sound each 5 s.
        sound_late_us: How much later than pictures sound leaves.

    Attributes:
        delays_us: By codec: true time of capture, and what the player's time is more than that.
    """

    def __init__(
        self,
        seed: int,
        link: SimLink,
        *,
        picture_ppm: int,
        sound_ppm: int,
        wall_ppm: int,
        has_reports: bool = True,
        sound_late_us: int = 0,
    ) -> None:
        clock = SessionClock()
        self._tracks = {
            Codec.H264: Track(Codec.H264, SECOND // 5, picture_ppm, SECOND if has_reports else None, clock),
            Codec.OPUS: Track(Codec.OPUS, SECOND // 10, sound_ppm, 5 * SECOND if has_reports else None, clock),
        }
        self._late_us = {Codec.H264: 0, Codec.OPUS: sound_late_us}
        self._wall_ppm = wall_ppm
        self._link = RunningLink(link, Random(seed))
        self._to_ts, self._player = UnitsToTs(list(self._tracks)), TsToUnits()
        self._events: list[tuple[int, int, Codec, bytes]] = []
        self._order = count()
        self.delays_us: dict[Codec, list[tuple[int, int]]] = {codec: [] for codec in self._tracks}

    def run(self, seconds: int) -> None:
        """Play so many seconds, and what is on the way then."""
        for codec, track in self._tracks.items():
            for number in range(seconds * SECOND // track.interval_us):
                self._push(number * track.interval_us, codec, number.to_bytes(NUMBER_BYTES, "big"))
        while self._events:
            now_us, _, codec, what = heappop(self._events)
            if len(what) == NUMBER_BYTES:
                self._capture(codec, int.from_bytes(what, "big"), now_us)
            else:
                self._receive(codec, what, now_us)

    def largest_parting_us(self, after_us: int = 0) -> int:
        """Return by how much sound and picture of one moment were apart at most, among those captured later."""
        pictures = [delay for at_us, delay in self.delays_us[Codec.H264] if at_us >= after_us]
        times_us = [at_us for at_us, _ in self.delays_us[Codec.H264] if at_us >= after_us]
        largest_us = at = 0
        for time_us, delay_us in self.delays_us[Codec.OPUS]:
            while at + 1 < len(times_us) and times_us[at + 1] <= time_us:
                at += 1
            if times_us and time_us >= times_us[at]:
                largest_us = max(largest_us, abs(delay_us - pictures[at]))
        return largest_us

    def _push(self, at_us: int, codec: Codec, what: bytes) -> None:
        heappush(self._events, (at_us, next(self._order), codec, what))

    def _capture(self, codec: Codec, number: int, now_us: int) -> None:
        track = self._tracks[codec]
        for packet in track.capture(number, now_us, key=number % 10 == 0):
            self._send(codec, packet, now_us + self._late_us[codec])
        due_us = track.report_us
        if due_us is not None and number and now_us % due_us < track.interval_us:
            track.receiver.clock.handle_report(*track.report(now_us, self._wall_ppm))

    def _send(self, codec: Codec, packet: bytes, now_us: int) -> None:
        for arrival_us in self._link.arrivals_us(len(packet), now_us):
            self._push(arrival_us, codec, packet)

    def _receive(self, codec: Codec, packet: bytes, now_us: int) -> None:
        track = self._tracks[codec]
        for unit in track.receiver.feed(decode_rtp(packet), now_us):
            for payload in self._to_ts.feed(unit):
                for shown in self._player.feed(payload):
                    self._note(shown)
        for seqno in track.receiver.poll_nacks(now_us):
            self._send(codec, track.sent[seqno], now_us + 50_000)

    def _note(self, unit: AccessUnit) -> None:
        number = _read_number(unit.data[-1][1:])
        captured_us = number * self._tracks[unit.codec].interval_us
        self.delays_us[unit.codec].append((captured_us, unit.pts_90khz * 100 // 9 - captured_us))
