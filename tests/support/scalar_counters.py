"""The rules of continuity counters, written packet by packet: the twin of `headrace.mpegts.continuity`."""


class ScalarCounters:
    """ISO/IEC 13818-1, 2.4.3.3, one packet at a time."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        self.has_payload: dict[int, bool] = {}
        self.is_repeat: dict[int, bool] = {}

    def is_wrong(self, packet: bytes) -> bool:
        """Take one packet."""
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        control, counter = packet[3] >> 4 & 3, packet[3] & 15
        if packet[0] != 0x47 or packet[1] & 0x80 or control == 0 or pid == 0x1FFF:
            return False
        has_payload = bool(control & 1)
        last = self.last.get(pid)
        repeats = has_payload and self.has_payload.get(pid, False) and counter == last
        may_repeat = not self.is_repeat.get(pid, False)
        self.last[pid], self.has_payload[pid], self.is_repeat[pid] = counter, has_payload, repeats
        if last is None or (control & 2 and packet[4] and packet[5] & 0x80):
            return False
        if repeats:
            return not may_repeat
        return counter != (last + has_payload) % 16
