"""What browsers get of a channel: its transport stream taken apart once, as RTP packets, for all who watch.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections.abc import Callable, Sequence
from typing import Final

from headrace.endpoints.picture_route import PictureRecoder, PictureRoute
from headrace.endpoints.pts_line import PtsLine
from headrace.endpoints.rtp_ring import RtpRing
from headrace.remux.access_unit import AccessUnit, Codec, UnitConverter
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.remux.ts_to_units import TsToUnits

VIDEO_PAYLOAD_TYPE: Final = 96
AUDIO_PAYLOAD_TYPE: Final = 111
"""Of the packets that are kept; each viewer gets them with the numbers of its own offer."""
RECODED_PROFILE_LEVEL_ID: Final = "42c028"
"""Of what is re-encoded: constrained baseline, as `headrace.media.picture_transcoder` makes it."""


class RtcStream:
    """Pictures or sound of a channel as one RTP stream.

    Args:
        codec: Its.
        payload_type: Of the kept packets.
        random_bytes: Unpredictable, for SSRCs and the first timestamp.
        beside: A stream in whose place this one can be sent: it has the same sources and the same clock.

    Attributes:
        codec: As given.
        ring: The packets.
        ssrc: Of the packets.
        rtx_ssrc: Of those that are sent again.
        newest_timestamp: RTP timestamp of the newest packet.
    """

    __slots__ = (
        "_offset",
        "_packetizer",
        "_payload_type",
        "codec",
        "newest_timestamp",
        "ring",
        "rtx_ssrc",
        "ssrc",
    )

    def __init__(
        self,
        codec: Codec,
        payload_type: int,
        random_bytes: Callable[[int], bytes],
        *,
        beside: "RtcStream | None" = None,
    ) -> None:
        if beside is None:
            self.ssrc, self._offset = (int.from_bytes(random_bytes(4), "big") for _ in range(2))
        else:
            self.ssrc, self._offset = beside.ssrc, beside._offset
        self.rtx_ssrc = self.ssrc ^ 1
        self._payload_type = payload_type
        self.ring = RtpRing()
        self.use(codec)
        self.newest_timestamp = 0

    def use(self, codec: Codec) -> None:
        """Go on with another codec; nobody starts with what was before."""
        self.codec = codec
        self._packetizer = RtpPacketizer(
            codec,
            ssrc=self.ssrc,
            payload_type=self._payload_type,
            first_index=self.ring.next_index,
            timestamp_offset=self._offset,
        )
        self.ring.end()

    def timestamp_at(self, pts_90khz: int) -> int:
        """Return the RTP timestamp of a time."""
        return self._packetizer.timestamp_at(pts_90khz)

    def add(self, unit: AccessUnit, now_us: int) -> None:
        """Make packets of a unit, and keep them."""
        packets = self._packetizer.packetize(unit)
        if packets:
            self.ring.add(packets, now_us, is_keyframe=unit.is_keyframe and unit.is_video)
            self.newest_timestamp = self.timestamp_at(unit.pts_90khz)


class RtcChannel:
    """One channel that browsers watch.

    Args:
        channel_id: Its id.
        random_bytes: Unpredictable.
        sound_converter: Makes Opus where a channel has AAC alone; None leaves it silent then.
        picture_recoder: Makes pictures that browsers can play of such as they cannot; None shows none then.

    Attributes:
        channel_id: As given.
        route: By which way its pictures go.
        video: The pictures.
        audio: The sound.
        line: Its times.
        cname: By which browsers know that sound and picture belong together.
        newest_90khz: Time of the newest picture, on the line; None before there is one.
        on_keyframe: Is told of each, its time on the line, before it is kept.
    """

    __slots__ = (
        "_converter",
        "_random_bytes",
        "_units",
        "audio",
        "channel_id",
        "cname",
        "line",
        "newest_90khz",
        "on_keyframe",
        "route",
        "video",
    )

    def __init__(
        self,
        channel_id: str,
        random_bytes: Callable[[int], bytes],
        sound_converter: UnitConverter | None = None,
        picture_recoder: PictureRecoder | None = None,
    ) -> None:
        self.channel_id = channel_id
        self._units = TsToUnits()
        self._converter = sound_converter
        self.route = PictureRoute(picture_recoder)
        self.video = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, random_bytes)
        self.audio = RtcStream(Codec.OPUS, AUDIO_PAYLOAD_TYPE, random_bytes)
        self.line = PtsLine()
        self.cname = random_bytes(8).hex()
        self._random_bytes = random_bytes
        self.newest_90khz: int | None = None
        self.on_keyframe: Callable[[AccessUnit], None] = lambda _unit: None

    def layer(self) -> RtcStream:
        """Return a stream for other pictures of the same, in whose place they can be sent."""
        return RtcStream(self.video.codec, VIDEO_PAYLOAD_TYPE, self._random_bytes, beside=self.video)

    @property
    def streams(self) -> tuple[RtcStream, RtcStream]:
        """Pictures and sound."""
        return self.video, self.audio

    @property
    def notice(self) -> str | None:
        """Why browsers cannot show it, for people; None while they can."""
        notice, trouble = self._units.notice, self.route.trouble
        if notice is None or self._is_recodable:
            return None
        return notice if trouble is None else f"{notice} {trouble}"

    @property
    def _is_recodable(self) -> bool:
        """Whether browsers cannot play its pictures and get them re-encoded, now or from the next keyframe on."""
        return not self.is_playable and self.route.can_recode

    @property
    def has_pictures(self) -> bool | None:
        """Whether its program has a video, of whatever kind; None while that is not known."""
        if self._units.unknown_video_type is not None:
            return True
        codecs = self._units.codecs.values()
        return any(codec.is_video for codec in codecs) if codecs else None

    @property
    def profile_level_id(self) -> str | None:
        """What SDP says of an H.264 stream: six digits; None while that is not known."""
        if self.route.is_recoded or self._is_recodable:
            return RECODED_PROFILE_LEVEL_ID
        facts = self._units.sps_facts
        return None if facts is None else facts.profile_level_id

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the pictures; None while they are not known."""
        facts = self._units.sps_facts
        return None if facts is None else (facts.width, facts.height)

    @property
    def has_reordering(self) -> bool:
        """Whether its pictures have B-frames."""
        return self._units.has_reordering

    @property
    def is_playable(self) -> bool:
        """Whether browsers can play its pictures as they come."""
        return not (self._units.has_reordering or self._units.starts_gradually)

    @property
    def recoded_for(self) -> str | None:
        """Why its pictures are re-encoded, for people; None if they are not."""
        if not self.route.is_recoded:
            return None
        return "no IDR pictures" if self._units.starts_gradually and not self.has_reordering else "B-frames"

    def take(self, payloads: list[bytes], now_us: int, *, is_gap: bool = False) -> None:
        """Take payloads of the channel's transport stream, before which something may be missing."""
        if is_gap:
            self._units.handle_gap()
        for payload in payloads:
            units = self._units.feed(payload)
            if units:
                self._sort(units, now_us)

    def _sort(self, units: list[AccessUnit], now_us: int) -> None:
        """Pass on what browsers play, and have converted what they do not."""
        has_opus = Codec.OPUS in self._units.codecs.values()
        has_pictures = self.has_pictures
        for unit in units:
            unit.pts_90khz = self.line.place(unit.pts_90khz)
            if unit.is_video or not has_pictures:
                self.line.note_arrival(unit.pts_90khz, now_us)
            if unit.is_video:
                self.newest_90khz = unit.pts_90khz
                if unit.is_keyframe:
                    self.on_keyframe(unit)
                if not self._takes_the_straight_way(unit):
                    continue
            elif unit.codec is Codec.AAC and not has_opus and self._converter is not None:
                self._converter.feed(unit)
            self.take_units([unit], now_us)

    def _takes_the_straight_way(self, picture: AccessUnit) -> bool:
        """Return whether a picture goes out as it is; nobody starts with what was before a change of the way."""
        was_recoded = self.route.is_recoded
        is_straight = self.route.take(picture, is_playable=self.is_playable)
        codec = picture.codec if is_straight else Codec.H264
        if codec is not self.video.codec or was_recoded is not self.route.is_recoded:
            self.video.use(codec)
        return is_straight

    def take_recoded(self, units: Sequence[AccessUnit], now_us: int) -> None:
        """Take pictures that were re-encoded; those of a way that is not gone any more are passed over."""
        if self.route.is_recoded:
            self.take_units(units, now_us)

    def take_units(self, units: Sequence[AccessUnit], now_us: int) -> None:
        """Take units whose times are on the line; those that browsers do not play are passed over."""
        for unit in units:
            for stream in self.streams:
                if unit.codec is stream.codec:
                    stream.add(unit, now_us)

    def close(self) -> None:
        """End what was begun for it."""
        self.route.close()
        if self._converter is not None:
            self._converter.close()
