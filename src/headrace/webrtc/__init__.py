"""ICE-lite, DTLS, SRTP, RTP, RTCP and SDP, sans-IO: datagrams and time in, datagrams and events out."""
