import contextlib
import socket
import threading

import pytest

from headrace.bench.sealing_loop import PAYLOAD_TYPE, SealedViewer, master_key, relay
from headrace.webrtc.rtp import decode_rtp
from headrace.webrtc.srtp import Opener, make_sealer

PACKET = b"\x80\xe0\x12\x34" + b"time" + b"ssrc" + b"payload" * 20


def test_each_packet_goes_to_each_viewer_sealed_with_its_own_key_under_its_own_numbers() -> None:
    with contextlib.ExitStack() as stack:
        inward, *sinks = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3))
        for udp in inward, *sinks:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(5)
        inward.settimeout(0.5)
        viewers = [SealedViewer(number, sink.getsockname()) for number, sink in enumerate(sinks)]
        viewers[1].index = 9
        thread = threading.Thread(target=relay_until_closed, args=(inward, viewers))
        thread.start()
        sinks[0].sendto(PACKET, inward.getsockname())
        for number, sink in enumerate(sinks):
            packet = decode_rtp(Opener(master_key(number)).open_rtp(sink.recv(2000)))
            assert (packet.payload_type, packet.marker, packet.seqno) == (PAYLOAD_TYPE, True, 9 * number)
            assert packet.payload == PACKET[12:]
        thread.join(5)
        assert not thread.is_alive()


def relay_until_closed(inward: socket.socket, viewers: list[SealedViewer]) -> None:
    with contextlib.suppress(TimeoutError):
        relay(inward, viewers)


@pytest.mark.parametrize("index", [0, 5, 0x1_0003])
def test_it_gives_the_bytes_that_the_broker_would_send(index: int) -> None:
    viewer = SealedViewer(3, ("", 0))
    viewer.index = index
    clear = b"\x80" + bytes((0x80 | PAYLOAD_TYPE,)) + (index & 0xFFFF).to_bytes(2, "big") + PACKET[4:]
    out = memoryview(bytearray(len(clear) + 16))
    make_sealer(master_key(3)).seal_into(clear, index, out)
    ssrc = int.from_bytes(b"ssrc", "big")
    assert viewer.seal(clear[1], PACKET[4:12], ssrc, PACKET[12:]) == bytes(out)
