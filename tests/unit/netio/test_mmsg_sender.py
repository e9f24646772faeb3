"""Sending with sendmmsg, against a kernel that is played: refusals that a loopback interface does not make."""

import ctypes
import errno
from collections.abc import Callable

import numpy as np
import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.datagram_runs import DatagramRuns
from headrace.base.sockaddr import encode_sockaddr
from headrace.netio import libc, mmsg_sender
from headrace.netio.burst_table import MAX_PACKETS_PER_FILL
from headrace.netio.counters import SocketCounters
from headrace.netio.mmsg_sender import MAX_REFUSAL_DEBT, REFUSAL_COST, MmsgSender

PEERS, PACKETS = 3, 4
Verdict = Callable[["Message"], int]


class Message:
    """One message as the kernel reads it."""

    def __init__(self, words: list[int]) -> None:
        self.port = int.from_bytes(ctypes.string_at(words[libc.NAME] + 2, 2), "big")
        control = ctypes.string_at(words[libc.CONTROL], words[libc.CONTROL_BYTES])
        self.segment_bytes = int.from_bytes(control[16:18], "little")
        iovecs = np.frombuffer(ctypes.string_at(words[libc.IOVECS], 16 * words[libc.IOVEC_COUNT]), np.int64)
        self.content = b"".join(ctypes.string_at(int(base), int(size)) for base, size in iovecs.reshape(-1, 2))

    @property
    def datagrams(self) -> list[bytes]:
        step = self.segment_bytes or max(1, len(self.content))
        return [self.content[start : start + step] for start in range(0, len(self.content), step)]


class Kernel:
    """Reads messages from memory and takes each for which ``verdict`` gives 0, else fails with that number."""

    def __init__(self, verdict: Verdict = lambda _: 0) -> None:
        self.verdict = verdict
        self.taken: list[tuple[int, bytes]] = []
        self.calls = 0

    def __call__(self, descriptor: int, messages_address: int, count: int) -> int:
        self.calls += 1
        assert 0 < count <= libc.MAX_MESSAGES_PER_CALL
        for row in range(count):
            words = (ctypes.c_int64 * 8).from_address(messages_address + row * libc.MESSAGE_BYTES)
            message = Message(list(words))
            error_number = self.verdict(message)
            if error_number:
                return row or -error_number
            words[libc.DONE_BYTES] = len(message.content)
            self.taken += [(message.port, datagram) for datagram in message.datagrams]
        return count


class Burst:
    """Arguments of ``send_burst`` with contents that tell peer and packet."""

    def __init__(self, peers: int = PEERS, packets: int = PACKETS, payload_bytes: int = 6) -> None:
        ports = range(1, peers + 1)
        self.addresses = np.array([list(encode_sockaddr("127.0.0.1", port)) for port in ports], np.uint8)
        self.headers = np.random.default_rng(1).integers(0, 256, (peers, packets, 5), np.uint8)
        self.store = np.random.default_rng(2).integers(0, 256, (packets, 9), np.uint8)
        self.slots = np.arange(packets)[::-1].copy()
        self.lengths = np.full(packets, payload_bytes)

    def send(self, sender: MmsgSender) -> int:
        return sender.send_burst(self.addresses, self.headers, self.store, self.slots, self.lengths)

    def expected(self) -> list[tuple[int, bytes]]:
        return [
            (peer + 1, header.tobytes() + self.store[slot, :length].tobytes())
            for peer, headers in enumerate(self.headers)
            for header, slot, length in zip(headers, self.slots, self.lengths, strict=True)
        ]


def make(kernel: Kernel, *, segmenting: bool) -> tuple[MmsgSender, SocketCounters]:
    counters = SocketCounters()
    return MmsgSender(3, counters, kernel, segmenting=segmenting), counters


def refuse_segments(error_number: int) -> Verdict:
    return lambda message: error_number if message.segment_bytes else 0


@pytest.mark.parametrize("segmenting", [False, True])
def test_every_peer_gets_every_packet_with_its_own_header(segmenting: bool) -> None:
    kernel, burst = Kernel(), Burst()
    sender, counters = make(kernel, segmenting=segmenting)
    burst.lengths[1] = 2
    assert burst.send(sender) == PEERS * PACKETS
    assert kernel.taken == burst.expected()
    assert counters.bytes_sent == sum(len(datagram) for _, datagram in kernel.taken)
    assert counters.system_calls == kernel.calls == 1


def test_a_burst_over_1024_messages_takes_several_calls() -> None:
    kernel, burst = Kernel(), Burst(300, PACKETS)
    sender, _ = make(kernel, segmenting=False)
    assert burst.send(sender) == 1200
    assert kernel.taken == burst.expected()
    assert kernel.calls == 2


def test_one_peer_may_get_more_packets_than_a_call_has_messages() -> None:
    kernel, burst = Kernel(), Burst(2, 1100)
    sender, _ = make(kernel, segmenting=False)
    assert burst.send(sender) == 2200
    assert kernel.taken == burst.expected()


def test_tables_are_filled_for_a_bounded_number_of_packets_at_a_time() -> None:
    kernel, burst = Kernel(), Burst(MAX_PACKETS_PER_FILL // 64 + 1, 64)
    sender, _ = make(kernel, segmenting=True)
    assert burst.send(sender) == len(burst.expected())
    assert kernel.taken == burst.expected()
    assert kernel.calls == 2


def test_bursts_of_changing_shapes_follow_each_other() -> None:
    kernel = Kernel()
    sender, counters = make(kernel, segmenting=True)
    shapes = [
        (3, 4, 6),
        (3, 4, 6),
        (2, 4, 6),
        (5, 4, 6),
        (5, 3, 6),
        (5, 3, 4),
        (3, 4, 6),
        (400, 64, 3),
        (600, 64, 3),
    ]
    bursts = [Burst(*shape) for shape in shapes]
    for burst in bursts:
        kernel.taken.clear()
        assert burst.send(sender) == len(burst.expected())
        assert kernel.taken == burst.expected()
    sizes = [sum(len(datagram) for _, datagram in burst.expected()) for burst in bursts]
    assert counters.bytes_sent == sum(sizes)


@pytest.mark.parametrize("segmenting", [False, True])
@pytest.mark.parametrize("error_number", [errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM])
def test_a_full_buffer_gives_the_rest_up_and_counts_it(segmenting: bool, error_number: int) -> None:
    kernel, burst = Kernel(lambda message: error_number if message.port == 1020 else 0), Burst(1500, 2)
    sender, counters = make(kernel, segmenting=segmenting)
    assert burst.send(sender) == counters.datagrams_sent == 1019 * 2
    assert counters.send_would_block_datagrams == 481 * 2
    assert counters.send_error_datagrams == 0


@pytest.mark.parametrize("segmenting", [False, True])
@pytest.mark.parametrize("error_number", [errno.EPERM, errno.ENETUNREACH, errno.EINVAL, errno.EMSGSIZE])
def test_a_peer_that_cannot_be_reached_costs_the_others_nothing(segmenting: bool, error_number: int) -> None:
    kernel, burst = Kernel(lambda message: error_number if message.port == 2 else 0), Burst()
    sender, counters = make(kernel, segmenting=segmenting)
    assert burst.send(sender) == 2 * PACKETS
    assert kernel.taken == [row for row in burst.expected() if row[0] != 2]
    assert counters.send_error_datagrams == PACKETS
    assert counters.segment_refused_messages == 0
    assert sender.segmenting == segmenting


ENOUGH_REFUSALS = MAX_REFUSAL_DEBT // REFUSAL_COST
REFUSALS = pytest.mark.parametrize("error_number", [errno.EINVAL, errno.EMSGSIZE, errno.EIO])


@REFUSALS
def test_a_path_that_takes_no_segments_gets_its_datagrams_one_by_one_and_ends_them_for_nobody(
    error_number: int,
) -> None:
    kernel = Kernel(lambda message: error_number if message.segment_bytes and message.port == 2 else 0)
    burst = Burst(1 + REFUSAL_COST)
    sender, counters = make(kernel, segmenting=True)
    for _ in range(ENOUGH_REFUSALS + 1):
        kernel.taken.clear()
        assert burst.send(sender) == len(burst.expected())
        assert kernel.taken == burst.expected()
    assert counters.segment_refused_messages == ENOUGH_REFUSALS + 1
    assert counters.send_error_datagrams == 0
    assert sender.segmenting


def test_narrow_paths_that_stand_together_in_the_table_end_segments_for_nobody() -> None:
    narrow = 300
    kernel = Kernel(lambda message: errno.EMSGSIZE if message.segment_bytes and message.port <= narrow else 0)
    burst = Burst((1 + REFUSAL_COST) * narrow)
    sender, _ = make(kernel, segmenting=True)
    for _ in range(ENOUGH_REFUSALS // narrow + 1):
        burst.send(sender)
    assert sender.segmenting


@REFUSALS
def test_where_most_paths_take_no_segments_none_are_made_for_a_while(
    error_number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmsg_sender, "PAUSE_DATAGRAMS", 2 * PEERS * PACKETS)
    kernel, burst = Kernel(refuse_segments(error_number)), Burst()
    sender, counters = make(kernel, segmenting=True)
    Burst(ENOUGH_REFUSALS - 1).send(sender)
    assert sender.segmenting
    Burst(1).send(sender)
    assert not sender.segmenting
    for _ in range(2):
        kernel.taken.clear()
        assert burst.send(sender) == PEERS * PACKETS
        assert kernel.taken == burst.expected()
        assert not sender.segmenting
    assert counters.segment_refused_messages == ENOUGH_REFUSALS
    burst.send(sender)
    assert counters.segment_refused_messages == ENOUGH_REFUSALS + PEERS
    assert sender.segmenting


def test_what_cannot_segment_from_the_start_never_tries_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmsg_sender, "PAUSE_DATAGRAMS", 0)
    sender, _ = make(Kernel(), segmenting=False)
    for _ in range(2):
        Burst().send(sender)
    assert not sender.segmenting


def test_runs_are_segmented_again_after_a_pause_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmsg_sender, "PAUSE_DATAGRAMS", 0)
    sender, _ = make(Kernel(refuse_segments(errno.EMSGSIZE)), segmenting=True)
    Burst(ENOUGH_REFUSALS).send(sender)
    assert not sender.segmenting
    sender.send_runs(make_runs([2], [6, 6])[0])
    assert sender.segmenting


def test_a_buffer_that_fills_up_between_single_datagrams_ends_the_burst() -> None:
    def verdict(message: Message) -> int:
        if message.segment_bytes:
            return errno.EMSGSIZE
        return errno.EAGAIN if len(kernel.taken) == 2 else 0

    kernel, burst = Kernel(verdict), Burst()
    sender, counters = make(kernel, segmenting=True)
    assert burst.send(sender) == 2
    assert counters.send_would_block_datagrams == PEERS * PACKETS - 2


def test_a_list_of_datagrams_goes_each_to_its_own_address() -> None:
    kernel, burst = Kernel(), Burst(PEERS, 1)
    sender, _ = make(kernel, segmenting=True)
    store = np.arange(20, dtype=np.uint8).reshape(2, 10)
    slots, lengths = np.array([1, 0, 1]), np.array([10, 0, 3])
    assert sender.send_each(burst.addresses, burst.headers[:, 0].copy(), store, slots, lengths) == 3
    headers = [header.tobytes() for header in burst.headers[:, 0]]
    payloads = [store[1].tobytes(), b"", store[1, :3].tobytes()]
    assert kernel.taken == [(port + 1, headers[port] + payloads[port]) for port in range(3)]


def test_a_burst_then_a_batch_then_a_burst_leave_nothing_of_each_other() -> None:
    kernel, burst, batch = Kernel(), Burst(), DatagramBatch(2)
    sender, _ = make(kernel, segmenting=True)
    batch.append(b"first", encode_sockaddr("127.0.0.1", 7))
    batch.append(b"second", encode_sockaddr("127.0.0.1", 8))
    burst.send(sender)
    assert sender.send_batch(batch) == 2
    burst.send(sender)
    assert kernel.taken == [*burst.expected(), (7, b"first"), (8, b"second"), *burst.expected()]


def make_runs(packets: list[int], payload_bytes: list[int]) -> tuple[DatagramRuns, list[tuple[int, bytes]]]:
    """Return runs of so many packets and what they are to arrive as, each run from a store of its own."""
    random = np.random.default_rng(3)
    count = sum(packets)
    stores = [random.integers(0, 256, (count + 1 + run, 9), np.uint8) for run in range(len(packets))]
    headers = random.integers(0, 256, (count, 5), np.uint8)
    runs = DatagramRuns(
        np.array([list(encode_sockaddr("127.0.0.1", 1 + run)) for run in range(len(packets))], np.uint8),
        np.array(packets),
        stores,
        headers,
        np.arange(count) + 1,
        np.array(payload_bytes),
    )
    owners = np.repeat(np.arange(len(packets)), packets).tolist()
    expected = [
        (1 + owner, headers[row].tobytes() + stores[owner][row + 1, : payload_bytes[row]].tobytes())
        for row, owner in enumerate(owners)
    ]
    return runs, expected


@pytest.mark.parametrize("segmenting", [False, True])
def test_runs_go_to_their_peers_in_order_each_from_its_own_store(segmenting: bool) -> None:
    kernel = Kernel()
    sender, counters = make(kernel, segmenting=segmenting)
    runs, expected = make_runs([3, 1, 0, 2], [6, 6, 2, 9, 4, 6])
    for _ in range(2):
        assert sender.send_runs(runs) == 6
        assert kernel.taken == expected
        kernel.taken.clear()
    assert kernel.calls == 2
    assert counters.datagrams_sent == 12


def test_runs_for_which_there_is_no_room_are_given_up_and_counted() -> None:
    sender, counters = make(Kernel(lambda message: errno.EAGAIN if message.port == 2 else 0), segmenting=True)
    runs, _ = make_runs([2, 2, 2], [6] * 6)
    assert sender.send_runs(runs) == 2
    assert counters.send_would_block_datagrams == 4
