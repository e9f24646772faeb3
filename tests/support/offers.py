"""Offers for WHEP and WHIP as Chromium and FFmpeg make them, and as OBS does (libdatachannel)."""

from pathlib import Path

OFFERS = Path(__file__).parent / "recorded_offers"
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

CHROMIUM_WHEP = (OFFERS / "chromium_whep.sdp").read_text()
"""Chromium without a decoder in hardware: video and audio ``recvonly``."""

CHROMIUM_WHIP = (OFFERS / "chromium_whip.sdp").read_text()
"""The same with a canvas and a silent tone: video in two layers, and audio, ``sendonly``."""

FFMPEG_WHIP = (OFFERS / "ffmpeg_whip.sdp").read_text()
"""FFmpeg 8.1's whip muxer, in PyAV: it waits for us to begin DTLS."""

OBS_WHIP = f"""\
v=0
o=rtc 2890844526 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=ice-options:ice2,trickle
a=fingerprint:{FINGERPRINT}
m=audio 57321 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.0.2.10
a=mid:0
a=sendonly
a=ssrc:2718281 cname:qwertyuiopas
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
a=setup:actpass
a=ice-ufrag:Zx9Q
a=ice-pwd:AbCdEfGhIjKlMnOpQrStUv
a=candidate:1 1 UDP 2122317823 192.0.2.10 57321 typ host
a=end-of-candidates
m=video 57321 UDP/TLS/RTP/SAVPF 96
c=IN IP4 192.0.2.10
a=mid:1
a=sendonly
a=ssrc:3141592 cname:qwertyuiopas
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
a=setup:actpass
a=ice-ufrag:Zx9Q
a=ice-pwd:AbCdEfGhIjKlMnOpQrStUv
"""
"""As libdatachannel writes it, which OBS 30 and later use."""
