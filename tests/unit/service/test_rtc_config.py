"""Where browsers are listened to."""

import pytest

from headrace.base.sockaddr import decode_sockaddr
from headrace.netio.udp_socket import UdpSocket
from headrace.service.rtc_config import RtcConfig, RtcListenError, bind_for_browsers


def test_a_free_port_is_bound() -> None:
    with bind_for_browsers(RtcConfig("127.0.0.1", 0)) as udp:
        assert decode_sockaddr(udp.local_address)[1]


def test_a_taken_port_says_what_to_do() -> None:
    with UdpSocket.bind("127.0.0.1", 0) as taken:
        port = decode_sockaddr(taken.local_address)[1]
        with pytest.raises(RtcListenError) as raised:
            bind_for_browsers(RtcConfig("127.0.0.1", port))
    said = str(raised.value)
    assert said.startswith(f"cannot listen for browsers on UDP 127.0.0.1:{port}: ")
    assert "another program is there: choose another port with --webrtc-port" in said
