"""The WebRTC side of a broker: what HTTP agrees on with a browser becomes a session between the two loops.

Source: ``docs/decisions/0023-browsers.md``; RFC 9725 (WHIP), draft-ietf-wish-whep.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVarTuple

import structlog

from headrace.access.ask import Ask, Verb
from headrace.access.gate import BAD_REQUEST, NOT_FOUND, OVERLOAD, Denial, Grant
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import ChannelIdError
from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr, format_sockaddr
from headrace.endpoints.admissions import Admitted
from headrace.endpoints.rtc_endpoint import RtcEndpoint
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_producing import RtcProducing
from headrace.endpoints.rtc_room import RtcRoom
from headrace.endpoints.rtc_session import RtcSession
from headrace.endpoints.rtc_snapshot import RtcSnapshot, layer_facts
from headrace.endpoints.rtc_viewer import RtcViewer
from headrace.endpoints.rtc_watching import RtcWatching
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.media.sound_converter import SoundConverter
from headrace.netio.clock import now_us, unix_time_us
from headrace.netio.entropy import random_bytes
from headrace.netio.media_loop import MediaLoop
from headrace.netio.udp_socket import UdpSocket
from headrace.remux.access_unit import AccessUnit, Codec, UnitConverter
from headrace.service.host_addresses import host_addresses
from headrace.service.rtc_answers import (
    answer_camera,
    answer_watcher,
    awaits_pictures,
    first_mid,
    inbound_numbers,
    layer_numbers,
    places_in,
)
from headrace.service.rtc_config import RtcConfig
from headrace.service.rtc_producers import RtcProducer
from headrace.service.rtc_rooms import RtcRooms
from headrace.service.rtc_sessions import KnownSession, RtcSessions
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal, PatchAnswer, SessionAnswer, SessionLayers, StaleEtagError
from headrace.webrtc.ice import IceCredentials, make_credentials
from headrace.webrtc.identity import make_identity
from headrace.webrtc.peer import Peer
from headrace.webrtc.sdp.answer import Answer, HostCandidate, encode_answer
from headrace.webrtc.sdp.fragment import decode_fragment, encode_fragment
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import Offer, decode_offer

ASK_AGAIN_SECONDS: Final = 0.1
ASK_SECONDS: Final = 5.0
"""Another service that decides is waited for this long."""
LOOK_AGAIN_SECONDS: Final = 0.02
LOOK_SECONDS: Final = 0.4
"""A live channel has said how it is encoded by then; the answer to who watches depends on it."""
_SESSION_ID_BYTES: Final = 24
_VOUCHER_BYTES: Final = 24
SILENT_US: Final = 2_000_000
"""A camera sends something each 30 ms."""

_Arguments = TypeVarTuple("_Arguments")

_log = structlog.get_logger()


class RtcService:
    """A `headrace.web.gateway.MediaGateway`.

    Args:
        config: How it is to be.
        udp: Its socket.
        srt: Has the channels, and knows who may do what.
        srt_loop: Drives it.
        broker: Host and port at which our own client reaches it.
    """

    def __init__(
        self,
        config: RtcConfig,
        udp: UdpSocket,
        srt: SrtEndpoint,
        srt_loop: MediaLoop,
        broker: tuple[str, int],
    ) -> None:
        self._broker = broker
        self._config = config
        self._udp = udp
        self._srt = srt
        self._srt_loop = srt_loop
        self._sessions = RtcSessions(config)
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._endpoint = RtcEndpoint(self._udp, random_bytes)
        self._loop = MediaLoop(self._udp, self._endpoint, name="webrtc", on_error=_report_bug)
        self._rooms = RtcRooms(
            self._srt,
            self._srt_loop,
            self._endpoint,
            self._loop,
            max_recoded_channels=self._config.max_recoded_channels,
        )
        self._identity = make_identity(unix_time_us() // 1_000_000)
        self._unix_offset_us = unix_time_us() - now_us()
        self._asyncio = asyncio.get_running_loop()
        self._endpoint.on_connected = self._call_here(self._sessions.note_connected)
        self._endpoint.on_ended = self._call_here(self._forget)
        self._srt.visitors.on_ended = self._call_here(self._end_visitor)
        self._candidates = self._find_candidates()
        self._loop.start()
        _log.info("listening for browsers", webrtc=format_sockaddr(self._udp.local_address))

    @property
    def sessions(self) -> RtcSnapshot:
        """What knows of the sessions."""
        return RtcSnapshot(self._endpoint, self._config.max_recoded_channels)

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        return decode_sockaddr(self._udp.local_address)[1]

    def _find_candidates(self) -> list[HostCandidate]:
        hosts = self._config.public_addresses or host_addresses(self._config.host)
        return [HostCandidate(host, self.port) for host in hosts]

    async def watch(self, channel_id: str, offer_sdp: str, credential: str | None, host: str) -> SessionAnswer:
        """Let somebody watch; see `headrace.web.gateway.MediaGateway.watch`."""
        try:
            check_channel_id(channel_id)
            offer = decode_offer(offer_sdp)
        except (SdpError, ChannelIdError) as error:
            raise GatewayRefusal(BAD_REQUEST, str(error)) from None
        address = encode_sockaddr(host, 0)
        admitted = await self._ask(Ask(Verb.REQUEST, channel_id, credential), address)
        _check_encryption(admitted.grant)
        self._sessions.check_room(address)
        visitor_id = await self._enter(admitted, address)
        try:
            answer = await self._enter_room(channel_id, offer, visitor_id)
        except BaseException:
            await self._leave(visitor_id)
            raise
        self._sessions.note_half_open(answer.session_id, address)
        return answer

    async def _enter_room(self, channel_id: str, offer: Offer, visitor_id: int) -> SessionAnswer:
        room = await self._rooms.enter(channel_id)
        if room is None:
            raise GatewayRefusal(OVERLOAD, "too many channels")
        try:
            return await self._open(room, offer, visitor_id)
        except BaseException:
            self._rooms.leave(channel_id)
            raise

    async def _ask(self, ask: Ask, address: bytes) -> Admitted:
        for _ in range(round(ASK_SECONDS / ASK_AGAIN_SECONDS)):
            answer = await self._srt_loop.call(lambda: self._srt.ask(ask, address, now_us()))
            if isinstance(answer, Denial):
                raise GatewayRefusal(answer.code, answer.why)
            if answer is not None:
                return answer
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        raise GatewayRefusal(OVERLOAD, "it is not known yet who may do what: try again")

    async def _enter(self, admitted: Admitted, address: bytes) -> int:
        visitor_id = await self._srt_loop.call(lambda: self._srt.admit_viewer(admitted, address, now_us()))
        if isinstance(visitor_id, Denial):
            raise GatewayRefusal(visitor_id.code, visitor_id.why)
        return visitor_id

    async def _leave(self, visitor_id: int) -> None:
        with suppress(RuntimeError):  # the loop has been stopped
            await self._srt_loop.call(lambda: self._srt.visitors.leave(visitor_id, now_us()))

    async def _open(self, room: RtcRoom, offer: Offer, visitor_id: int) -> SessionAnswer:
        await self._look_at(room)
        channel = room.channel
        answer = answer_watcher(offer, channel)
        local = make_credentials(random_bytes)
        session_id = secrets.token_urlsafe(_SESSION_ID_BYTES)
        peer = self._peer(offer, answer, local)
        places, awaits = places_in(answer, channel), awaits_pictures(answer)
        viewer = RtcViewer(session_id, peer, *places, now_us(), awaits_pictures=awaits)
        watching = RtcWatching(viewer, room, local, lambda: self._unix_offset_us)
        session = KnownSession(channel.channel_id, offer.ice, secrets.token_hex(8), first_mid(answer), visitor_id)
        answered = await self._begin(watching, session, answer, local)
        # Who lost its right while this was going on had no session that could be ended.
        self._srt_loop.call_soon(lambda: self._srt.visitors.remind(visitor_id))
        return answered

    async def _begin(
        self, session: RtcSession, known: KnownSession, answer: Answer, local: IceCredentials
    ) -> SessionAnswer:
        """Let a browser call, and return what it is answered."""
        self._sessions.add(session.session_id, known)
        await self._loop.call(lambda: self._endpoint.add(session, now_us()))
        sdp = encode_answer(
            answer,
            candidates=self._candidates,
            fingerprint=self._identity.fingerprint,
            ice=local,
            session_number=secrets.randbits(62),
        )
        return SessionAnswer(session.session_id, sdp, known.etag)

    async def _look_at(self, room: RtcRoom) -> None:
        """Wait until it is known how a live channel is encoded."""
        channel = self._srt.hub.channels.get(room.channel.channel_id)
        if channel is None or channel.producer is None:
            return
        for _ in range(round(LOOK_SECONDS / LOOK_AGAIN_SECONDS)):
            shown = room.channel
            if shown.video.ring.next_index or shown.notice is not None or shown.route.is_recoded:
                return
            if shown.has_pictures is False:
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _peer(self, offer: Offer, answer: Answer, local: IceCredentials) -> Peer:
        return Peer(
            local=local,
            remote=offer.ice,
            identity=self._identity,
            remote_fingerprint=offer.fingerprint,
            is_dtls_client=answer.is_dtls_client,
            random_bytes=random_bytes,
            now_us=now_us(),
        )

    async def produce(
        self, channel_id: str | None, offer_sdp: str, credential: str | None, host: str
    ) -> SessionAnswer:
        """Let somebody produce; see `headrace.web.gateway.MediaGateway.produce`."""
        try:
            if channel_id is not None:
                check_channel_id(channel_id)
            offer = decode_offer(offer_sdp)
        except (SdpError, ChannelIdError) as error:
            raise GatewayRefusal(BAD_REQUEST, str(error)) from None
        answer = answer_camera(offer)
        address = encode_sockaddr(host, 0)
        admitted = await self._ask(Ask(Verb.PUBLISH, channel_id, credential), address)
        self._sessions.check_room(address)
        await self._end_silent(admitted.grant.channel_id)
        voucher = secrets.token_hex(_VOUCHER_BYTES)
        await self._srt_loop.call(lambda: self._srt.vouch(admitted._replace(host=host), voucher, now_us()))
        session_id = secrets.token_urlsafe(_SESSION_ID_BYTES)
        producer = await RtcProducer.open(
            *self._broker, admitted, voucher, lambda reason: self._end_soon(session_id, reason)
        )
        try:
            answered = await self._open_producer(session_id, admitted.grant, offer, answer, producer)
        except BaseException:
            await producer.close()
            raise
        self._sessions.note_half_open(session_id, address)
        return answered

    async def _open_producer(
        self, session_id: str, grant: Grant, offer: Offer, answer: Answer, producer: RtcProducer
    ) -> SessionAnswer:
        local = make_credentials(random_bytes)
        streams = inbound_numbers(answer)
        converter = self._converter_for(session_id, streams)
        producing = RtcProducing(
            session_id,
            grant.channel_id,
            self._peer(offer, answer, local),
            local,
            streams=streams,
            sink=producer.put,
            random_bytes=random_bytes,
            most_bits_per_second=self._config.most_bits_per_second,
            opened_us=now_us(),
            converter=converter,
            layers=layer_numbers(answer),
        )
        session = KnownSession(
            grant.channel_id,
            offer.ice,
            secrets.token_hex(8),
            first_mid(answer),
            producing=producing,
            producer=producer,
        )
        return await self._begin(producing, session, answer, local)

    def _converter_for(self, session_id: str, streams: Sequence[InboundNumbers]) -> UnitConverter | None:
        """Return what makes AAC of a producer's Opus, if it sends any."""
        if all(numbers.codec is not Codec.OPUS for numbers in streams):
            return None

        def take(units: Sequence[AccessUnit]) -> None:
            producing = self._endpoint.sessions.get(session_id)
            if isinstance(producing, RtcProducing):
                producing.take_converted(units)

        return SoundConverter(Codec.OPUS, lambda units: self._loop.call_soon(lambda: take(units)))

    async def _end_silent(self, channel_id: str) -> None:
        """End who produces a channel and sends nothing any more: a browser that was closed does not say so.

        Over SRT its connection is alive, as it is ours, so that nobody would be let in before it is missed here.
        """
        for session_id, session in self._sessions:
            producing = session.producing
            if producing is None or session.producer is None or session.channel_id != channel_id:
                continue
            if now_us() - (producing.heard_us or producing.opened_us) > SILENT_US:
                await self._end(session_id, "replaced")
                await session.producer.close()

    async def patch(self, session_id: str, fragment: str, etags: frozenset[str] | None) -> PatchAnswer:
        """Take candidates, or restart ICE; see `headrace.web.gateway.MediaGateway.patch`."""
        session = self._sessions.get(session_id)
        try:
            wanted = decode_fragment(fragment)
        except SdpError as error:
            raise GatewayRefusal(BAD_REQUEST, str(error)) from None
        if etags is not None and session.etag not in etags:
            raise StaleEtagError("the session has been changed since")
        if wanted.ice == session.remote:
            return PatchAnswer(None, session.etag)
        local = make_credentials(random_bytes)
        session.remote, session.etag = wanted.ice, secrets.token_hex(8)
        if not await self._loop.call(partial(self._endpoint.restart_ice, session_id, local, wanted.ice)):
            raise GatewayRefusal(NOT_FOUND, "there is no such session")
        answer = encode_fragment(ice=local, candidates=self._candidates, mid=session.mid)
        return PatchAnswer(answer, session.etag)

    async def layers(self, session_id: str) -> SessionLayers:
        """Return what who watches may choose from; see `headrace.web.gateway.MediaGateway.layers`."""
        watching = self._watching(session_id)
        # Looked at from this thread, as the status is: two of them may be of two moments.
        layers = tuple(layer_facts(one) for one in watching.layers)
        return SessionLayers(layers, watching.layer, watching.viewer.wanted_layer)

    async def choose_layer(self, session_id: str, rid: str | None) -> None:
        """Have who watches get a layer; see `headrace.web.gateway.MediaGateway.choose_layer`."""
        watching = self._watching(session_id)
        if not await self._loop.call(lambda: watching.choose_layer(rid)):
            raise GatewayRefusal(NOT_FOUND, "there is no such layer")

    def _watching(self, session_id: str) -> RtcWatching:
        watching = self._endpoint.sessions.get(session_id)
        if not isinstance(watching, RtcWatching):
            raise GatewayRefusal(NOT_FOUND, "there is no such session that watches")
        return watching

    async def end(self, session_id: str) -> None:
        """End a session; see `headrace.web.gateway.MediaGateway.end`."""
        self._sessions.get(session_id)
        await self._end(session_id, "deleted")

    async def _end(self, session_id: str, reason: str) -> None:
        with suppress(RuntimeError):  # the loop has been stopped
            await self._loop.call(lambda: self._endpoint.end(session_id, reason, now_us()))

    def _end_visitor(self, visitor_id: int, reason: str) -> None:
        session_id = self._sessions.of_visitor(visitor_id)
        if session_id is not None:
            self._end_soon(session_id, reason)

    def _end_soon(self, session_id: str, reason: str) -> None:
        self._loop.call_soon(lambda: self._endpoint.end(session_id, reason, now_us()))

    def _forget(self, session_id: str, _reason: str) -> None:
        session = self._sessions.forget(session_id)
        if session is not None and session.visitor_id is not None:
            visitor_id = session.visitor_id
            self._srt_loop.call_soon(lambda: self._srt.visitors.leave(visitor_id, now_us()))
            self._rooms.leave(session.channel_id)
        if session is not None and session.producer is not None:
            closing = asyncio.create_task(session.producer.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _call_here(self, function: Callable[[*_Arguments], None]) -> Callable[[*_Arguments], None]:
        """Return what has ``function`` called in the event loop, from any thread."""

        def call(*arguments: *_Arguments) -> None:
            with suppress(RuntimeError):  # the event loop has been closed
                self._asyncio.call_soon_threadsafe(function, *arguments)

        return call

    async def stop(self) -> None:
        """End all sessions; the socket stays open."""
        self._loop.stop()
        self._endpoint.close(now_us())
        self._rooms.stop()
        producers = [session.producer for _, session in self._sessions if session.producer is not None]
        await asyncio.gather(*(producer.close() for producer in producers), *self._closing)


def _check_encryption(grant: Grant) -> None:
    """Let nobody have in a browser what is given over SRT only to who has the passphrase."""
    if grant.rule.passphrase is not None and grant.rule.is_encryption_enforced:
        why = "the channel is encrypted with a passphrase: watch it with a player that speaks SRT"
        raise GatewayRefusal(int(RejectReason.UNSECURE), why)


def _report_bug(error: Exception) -> None:
    _log.error("a packet of a browser met a bug; it was dropped and the broker goes on", exc_info=error)
