"""The UDP socket on the real loopback interface: every path of sending, both families, the same behaviour."""

import errno
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from headrace.base.datagram_batch import MAX_DATAGRAM_BYTES, DatagramBatch, U8Array
from headrace.base.datagram_runs import DatagramRuns
from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.netio import udp_socket
from headrace.netio.capabilities import GSO, PORTABLE, SENDMMSG, Capabilities, probe_capabilities
from headrace.netio.udp_socket import UdpSocket

NAMES = {PORTABLE: "portable", SENDMMSG: "sendmmsg", GSO: "gso"}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(params=[PORTABLE, SENDMMSG, GSO], ids=NAMES.get)
def capabilities(request: pytest.FixtureRequest) -> Capabilities:
    chosen: Capabilities = request.param
    return chosen


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def host(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def sender(capabilities: Capabilities, host: str) -> Iterator[UdpSocket]:
    with UdpSocket.bind(host, 0, capabilities=capabilities) as udp:
        yield udp


@pytest.fixture
def sinks(capabilities: Capabilities, host: str) -> Iterator[list[UdpSocket]]:
    opened = [UdpSocket.bind(host, 0, capabilities=capabilities) for _ in range(3)]
    yield opened
    for sink in opened:
        sink.close()


def rows(addresses: list[bytes]) -> U8Array:
    return np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 28)


def received(sink: UdpSocket, count: int) -> list[bytes]:
    batch, datagrams = DatagramBatch(16), list[bytes]()
    for _ in range(200):
        if len(datagrams) >= count or not select.select([sink], [], [], 2)[0]:
            break
        sink.receive_batch(batch)
        datagrams += [batch.datagram(row) for row in range(batch.count)]
    return datagrams


@pytest.mark.parametrize("lengths", [[1316], [1316] * 8, [1316, 1316, 40, 1316], [0, 5, 0], [7] * 70])
def test_a_burst_reaches_every_peer_whole_and_in_order(
    sender: UdpSocket, sinks: list[UdpSocket], lengths: list[int]
) -> None:
    random, packets = np.random.default_rng(5), len(lengths)
    store = random.integers(0, 256, (100, 1400), np.uint8)
    headers = random.integers(0, 256, (len(sinks), packets, 16), np.uint8)
    slots = random.permutation(100)[:packets]
    addresses = rows([sink.local_address for sink in sinks])
    assert sender.send_burst(addresses, headers, store, slots, np.array(lengths)) == packets * len(sinks)
    for sink, of_peer in zip(sinks, headers, strict=True):
        expected = [
            header.tobytes() + store[slot, :length].tobytes()
            for header, slot, length in zip(of_peer, slots, lengths, strict=True)
        ]
        assert received(sink, packets) == expected
    assert sender.counters.datagrams_sent == packets * len(sinks)
    assert sender.counters.bytes_sent == (sum(lengths) + 16 * packets) * len(sinks)


@pytest.mark.parametrize("lengths", [[1316] * 8, [1316, 40]])
def test_each_peer_may_have_payloads_of_its_own_and_the_next_burst_the_same_for_all(
    sender: UdpSocket, sinks: list[UdpSocket], lengths: list[int]
) -> None:
    random, packets = np.random.default_rng(5), len(lengths)
    store = random.integers(0, 256, (100, 1400), np.uint8)
    headers = random.integers(0, 256, (len(sinks), packets, 16), np.uint8)
    own = random.permutation(100)[: len(sinks) * packets].reshape(len(sinks), packets)
    addresses = rows([sink.local_address for sink in sinks])
    for slots in (own[0], own, own[1]):
        assert sender.send_burst(addresses, headers, store, slots, np.array(lengths)) == packets * len(sinks)
        for peer, sink in enumerate(sinks):
            of_peer = slots if slots.ndim == 1 else slots[peer]
            expected = [
                header.tobytes() + store[slot, :length].tobytes()
                for header, slot, length in zip(headers[peer], of_peer, lengths, strict=True)
            ]
            assert received(sink, packets) == expected


def test_a_burst_in_segments_takes_one_system_call(sinks: list[UdpSocket]) -> None:
    with UdpSocket.bind(None, 0, capabilities=GSO) as sender:
        if not probe_capabilities().udp_segment:
            pytest.skip("this machine has no UDP_SEGMENT")
        addresses = rows([sink.local_address for sink in sinks])
        store, slots, lengths = np.zeros((8, 1316), np.uint8), np.arange(8), np.full(8, 1316)
        assert sender.send_burst(addresses, np.zeros((3, 8, 16), np.uint8), store, slots, lengths) == 24
        assert sender.counters.system_calls == 1
        assert sender.segmenting


def test_datagrams_of_a_list_go_each_to_their_own_peer(sender: UdpSocket, sinks: list[UdpSocket]) -> None:
    store = np.arange(60, dtype=np.uint8).reshape(3, 20)
    headers = np.arange(100, 112, dtype=np.uint8).reshape(3, 4)
    slots, lengths = np.array([2, 0, 2]), np.array([20, 1, 0])
    addresses = rows([sink.local_address for sink in sinks])
    assert sender.send_each(addresses, headers, store, slots, lengths) == 3
    for row, sink in enumerate(sinks):
        assert received(sink, 1) == [headers[row].tobytes() + store[slots[row], : lengths[row]].tobytes()]


def test_a_batch_goes_out_and_comes_in_with_the_senders_address(sender: UdpSocket, sinks: list[UdpSocket]) -> None:
    outgoing, incoming = DatagramBatch(4), DatagramBatch(4)
    for payload in (b"one", b"", b"three" * 200):
        outgoing.append(payload, sinks[0].local_address)
    assert sender.send_batch(outgoing) == 3
    select.select([sinks[0]], [], [], 2)
    assert sinks[0].receive_batch(incoming) == incoming.count == 3
    assert [incoming.datagram(row) for row in range(3)] == [b"one", b"", b"three" * 200]
    assert {incoming.address(row) for row in range(3)} == {sender.local_address}
    assert sinks[0].counters.datagrams_received == 3
    assert sinks[0].counters.bytes_received == 1003


def test_a_batch_takes_no_more_than_it_has_rows_and_the_next_one_the_rest(
    sender: UdpSocket, sinks: list[UdpSocket]
) -> None:
    outgoing, incoming = DatagramBatch(5), DatagramBatch(3)
    for number in range(5):
        outgoing.append(bytes([number]), sinks[0].local_address)
    sender.send_batch(outgoing)
    select.select([sinks[0]], [], [], 2)
    counts = [sinks[0].receive_batch(incoming) for _ in range(3)]
    assert counts == [3, 2, 0]
    assert incoming.datagram(0) == b"\x03"


def test_an_empty_socket_gives_an_empty_batch_at_once(sender: UdpSocket) -> None:
    batch = DatagramBatch(2)
    batch.count = 1
    assert sender.receive_batch(batch) == batch.count == 0


def test_a_datagram_longer_than_a_row_reads_as_empty_and_is_counted(
    sender: UdpSocket, sinks: list[UdpSocket], host: str
) -> None:
    batch = DatagramBatch(3)
    with socket.socket(sender.family, socket.SOCK_DGRAM) as plain:
        for size_bytes in (MAX_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES + 1, 3):
            plain.sendto(bytes(size_bytes), (host, decode_sockaddr(sinks[0].local_address)[1]))
    select.select([sinks[0]], [], [], 2)
    assert sinks[0].receive_batch(batch) == 3
    assert batch.lengths.tolist() == [MAX_DATAGRAM_BYTES, 0, 3]
    assert sinks[0].counters.receive_truncated_datagrams == 1
    assert sinks[0].counters.datagrams_received == 3


def test_a_peer_that_the_kernel_refuses_is_skipped_and_the_next_one_served(
    sender: UdpSocket, sinks: list[UdpSocket], host: str
) -> None:
    addresses = rows([sinks[0].local_address, encode_sockaddr(host, 0), sinks[1].local_address])
    store, slots, lengths = np.zeros((2, 9), np.uint8), np.arange(2), np.full(2, 9)
    assert sender.send_burst(addresses, np.zeros((3, 2, 4), np.uint8), store, slots, lengths) == 4
    assert len(received(sinks[1], 2)) == 2
    assert sender.counters.send_error_datagrams == 2
    assert sender.counters.segment_refused_messages == 0


def test_a_closed_port_at_the_other_end_never_raises(sender: UdpSocket, host: str) -> None:
    with UdpSocket.bind(host, 0) as gone:
        address = gone.local_address
    batch = DatagramBatch(2)
    batch.append(b"anyone?", address)
    for _ in range(3):
        assert sender.send_batch(batch) == 1
        assert sender.receive_batch(DatagramBatch(2)) == 0


def test_a_burst_of_nothing_sends_nothing(sender: UdpSocket) -> None:
    store, none = np.zeros((1, 9), np.uint8), np.zeros(0, np.int64)
    nobody, somebody = np.zeros((0, 28), np.uint8), np.zeros((2, 28), np.uint8)
    assert (
        sender.send_burst(nobody, np.zeros((0, 1, 4), np.uint8), store, np.zeros(1, np.int64), np.ones(1, int))
        == 0
    )
    assert sender.send_burst(somebody, np.zeros((2, 0, 4), np.uint8), store, none, none) == 0
    assert sender.send_each(nobody, np.zeros((0, 4), np.uint8), store, none, none) == 0
    assert sender.send_batch(DatagramBatch(1)) == 0
    assert sender.counters.system_calls == 0


@pytest.mark.parametrize(("slot", "length"), [(2, 1), (-1, 1), (0, 10), (0, -1)])
def test_a_slot_or_length_outside_the_store_is_refused(sender: UdpSocket, slot: int, length: int) -> None:
    to = rows([sender.local_address])
    store, slots, lengths = np.zeros((2, 9), np.uint8), np.array([slot]), np.array([length])
    with pytest.raises(ValueError, match=r"have to be in \[0, "):
        sender.send_burst(to, np.zeros((1, 1, 4), np.uint8), store, slots, lengths)
    with pytest.raises(ValueError, match=r"have to be in \[0, "):
        sender.send_each(to, np.zeros((1, 4), np.uint8), store, slots, lengths)


def test_arrays_that_the_kernel_would_misread_are_refused(sender: UdpSocket) -> None:
    to, headers, store = rows([sender.local_address] * 2), np.zeros((2, 4), np.uint8), np.zeros((2, 9), np.uint8)
    column = np.zeros(2, np.int64)
    for arguments in (
        (to[:1], headers, store, column, column),
        (to, np.zeros((4, 2), np.uint8).T[:2], store, column, column),
        (to, headers.astype(np.int8), store, column, column),
        (to, headers, np.zeros((2, 18), np.uint8)[:, ::2], column, column),
        (to, headers, store, column.astype(np.int32), column),
        (to, headers, store, column, column[:1]),
    ):
        with pytest.raises(ValueError, match=r"have to be|has to be|have shape"):
            sender.send_each(*arguments)


@needs_ipv6
def test_one_socket_for_all_addresses_serves_both_families(capabilities: Capabilities) -> None:
    with (
        UdpSocket.bind(None, 0, capabilities=capabilities) as everywhere,
        UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as one,
        UdpSocket.bind("::1", 0, capabilities=capabilities) as other,
    ):
        port = decode_sockaddr(everywhere.local_address)[1]
        for peer, host in (one, "127.0.0.1"), (other, "::1"):
            batch = DatagramBatch(2)
            batch.append(b"hello", peer.resolve(host, port))
            peer.send_batch(batch)
            select.select([everywhere], [], [], 2)
            assert everywhere.receive_batch(batch) == 1
            assert batch.address(0) == everywhere.normalise(peer.local_address)
            headers, store, column = np.zeros((1, 3, 4), np.uint8), np.zeros((3, 6), np.uint8), np.full(3, 6)
            everywhere.send_burst(rows([batch.address(0)]), headers, store, np.arange(3), column)
            assert received(peer, 3) == [bytes(10)] * 3


def test_a_machine_without_ipv6_binds_all_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = udp_socket._open

    def no_ipv6(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return real(family, address)

    monkeypatch.setattr(udp_socket, "_open", no_ipv6)
    with UdpSocket.bind("", 0) as udp:
        assert udp.family == socket.AF_INET
        assert decode_sockaddr(udp.local_address)[0] == "0.0.0.0"


@pytest.mark.parametrize("where", [None, "127.0.0.1"])
def test_a_port_that_is_taken_is_an_os_error(where: str | None) -> None:
    with UdpSocket.bind(where, 0) as first:
        with pytest.raises(OSError, match="in use") as caught:
            UdpSocket.bind(where, decode_sockaddr(first.local_address)[1])
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_or_an_unknown_name_is_an_os_error() -> None:
    for foreign in ("192.0.2.1", "no name at all"):
        with pytest.raises(OSError):  # noqa: PT011 - the words are the system's
            UdpSocket.bind(foreign, 0)


def test_the_buffers_that_were_granted_are_shown() -> None:
    with UdpSocket.bind("127.0.0.1", 0, receive_buffer_bytes=100_000, send_buffer_bytes=90_000) as udp:
        assert 100_000 <= udp.receive_buffer_bytes < 400_000
        assert 90_000 <= udp.send_buffer_bytes < 400_000


def test_a_closed_socket_has_no_descriptor_and_closes_twice() -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp:
        assert udp.fileno() >= 0
        udp.close()
    assert udp.fileno() == -1


def test_reading_a_closed_socket_raises(sender: UdpSocket) -> None:
    sender.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        sender.receive_batch(DatagramBatch(1))


@pytest.mark.parametrize("capabilities", [probe_capabilities(), SENDMMSG, PORTABLE])
def test_runs_arrive_whole_each_at_its_peer(capabilities: Capabilities) -> None:
    with (
        UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as sender,
        UdpSocket.bind("127.0.0.1", 0) as one,
        UdpSocket.bind("127.0.0.1", 0) as other,
    ):
        assert sender.send_runs(two_runs(one, other)) == 3
        for sink, expected in (one, [b"h0a1", b"h1a2"]), (other, [b"h2b1"]):
            batch = DatagramBatch(4)
            sink.receive_batch(batch)
            assert [batch.datagram(row) for row in range(batch.count)] == expected


def two_runs(one: UdpSocket, other: UdpSocket) -> DatagramRuns:
    addresses = np.frombuffer(one.local_address + other.local_address, np.uint8).reshape(2, 28)
    stores = [np.frombuffer(b"a0a1a2", np.uint8).reshape(3, 2), np.frombuffer(b"b0b1", np.uint8).reshape(2, 2)]
    headers = np.frombuffer(b"h0h1h2", np.uint8).reshape(3, 2)
    return DatagramRuns(addresses, np.array([2, 1]), stores, headers, np.array([1, 2, 1]), np.full(3, 2))


@pytest.mark.parametrize(
    "change",
    [
        {"packets": np.array([2, 2])},
        {"packets": np.array([4, -1])},
        {"packets": np.array([2, 1], np.int32)},
        {"slots": np.array([1, 2, 2])},
        {"slots": np.array([1, -1, 1])},
        {"lengths": np.array([2, 2, 3])},
        {"lengths": np.array([2, 2])},
        {"addresses": np.zeros((1, 28), np.uint8)},
        {"stores": [np.zeros((3, 2), np.int8), np.zeros((2, 2), np.uint8)]},
    ],
)
def test_runs_that_would_let_the_kernel_read_foreign_memory_are_refused(change: dict[str, Any]) -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp, pytest.raises(ValueError, match=r"have|has|are not"):
        udp.send_runs(two_runs(udp, udp)._replace(**change))


def test_no_runs_are_no_trouble() -> None:
    none = np.zeros(0, np.int64)
    with UdpSocket.bind("127.0.0.1", 0) as udp:
        empty = DatagramRuns(np.zeros((0, 28), np.uint8), none, [], np.zeros((0, 16), np.uint8), none, none)
        assert udp.send_runs(empty) == 0


def test_a_peer_s_socket_has_no_tables_for_sending() -> None:
    with (
        UdpSocket.bind("127.0.0.1", 0) as udp,
        UdpSocket.bind("127.0.0.1", 0) as peer,
        udp.open_peer_socket(peer.local_address) as line,
    ):
        assert "_sender" not in vars(line)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux paces")
def test_a_rate_is_set_in_bytes_a_second() -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp:
        assert udp.limit_rate(100_000_000)
        assert int.from_bytes(udp._udp.getsockopt(socket.SOL_SOCKET, 47, 8), sys.byteorder) == 12_500_000


def test_a_system_that_cannot_pace_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert not udp.limit_rate(1_000_000)
