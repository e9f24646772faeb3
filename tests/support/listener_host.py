"""An SRT listener without a socket: each handshake gets its answer at once."""

from headrace.srt.connection import ConnectionParameters
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import HEADER_BYTES, decode_header
from headrace.srt.rejection import RejectReason

ADDRESS = bytes(28)


class ListenerHost:
    """Takes everybody, or nobody.

    Attributes:
        asked: Stream ids, in the order in which they were asked for.
        opened: What was agreed on with each who was taken.
    """

    def __init__(self, *, refuses: bool = False) -> None:
        self._listener = Listener(ListenerOptions(), bytes(32))
        self._refuses = refuses
        self.asked: list[str] = []
        self.opened: list[ConnectionParameters] = []

    def answer(self, datagram: bytes) -> bytes:
        header = decode_header(datagram)
        answer = self._listener.handle_handshake(header, datagram[HEADER_BYTES:], ADDRESS, 0)
        if isinstance(answer, ConnectionRequest):
            self.asked.append(answer.stream_id)
            if self._refuses:
                return self._listener.reject(answer, RejectReason.CONFLICT)
            answer, parameters = self._listener.accept(answer, 1000 + len(self.asked), 0)
            self.opened.append(parameters)
        assert answer is not None
        return answer
