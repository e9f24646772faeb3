"""What an endpoint sends through in tests: it keeps the datagrams, built exactly as a socket would send them."""

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns


class CollectingOutbox:
    """An `headrace.netio.outbox.Outbox` without a network.

    Attributes:
        datagrams: What was sent and not taken yet, as ``(datagram, address)``.
        calls: Names of the sending calls so far, in order.
    """

    def __init__(self) -> None:
        self.datagrams: list[tuple[bytes, bytes]] = []
        self.calls: list[str] = []

    def send_batch(self, batch: DatagramBatch) -> int:
        self.calls.append("send_batch")
        self.datagrams += [(batch.datagram(row), batch.address(row)) for row in range(batch.count)]
        return batch.count

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        self.calls.append("send_burst")
        peers, packets, _ = headers.shape
        assert addresses.shape == (peers, 28)
        assert lengths.shape == (packets,)
        of_peers = np.broadcast_to(slots, (peers, packets))
        for peer in range(peers):
            for packet in range(packets):
                payload = store[of_peers[peer, packet]]
                self._keep(addresses[peer], headers[peer, packet], payload, int(lengths[packet]))
        return int(peers * packets)

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        self.calls.append("send_each")
        assert len(addresses) == len(headers) == len(slots) == len(lengths)
        for row in range(len(headers)):
            self._keep(addresses[row], headers[row], store[slots[row]], int(lengths[row]))
        return len(headers)

    def send_runs(self, runs: DatagramRuns) -> int:
        self.calls.append("send_runs")
        addresses, packets, stores, headers, slots, lengths = runs
        assert len(addresses) == len(packets) == len(stores)
        assert len(headers) == len(slots) == len(lengths) == packets.sum()
        for row, run in enumerate(np.repeat(np.arange(len(stores)), packets).tolist()):
            self._keep(addresses[run], headers[row], stores[run][slots[row]], int(lengths[row]))
        return len(headers)

    def _keep(self, address: U8Array, header: U8Array, payload: U8Array, length: int) -> None:
        self.datagrams.append((header.tobytes() + payload[:length].tobytes(), address.tobytes()))

    def take(self) -> list[tuple[bytes, bytes]]:
        """Return what was sent, once."""
        taken, self.datagrams = self.datagrams, []
        return taken


class FullOutbox(CollectingOutbox):
    """One whose socket buffer has room for so many data packets a call, as the kernel says ``EAGAIN`` to the rest.

    Attributes:
        room_datagrams: None for as many as there are.
        given_up_datagrams: What there was no room for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.room_datagrams: int | None = None
        self.given_up_datagrams = 0

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        before = len(self.datagrams)
        count = super().send_burst(addresses, headers, store, slots, lengths)
        return self._give_up(before, count)

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        before = len(self.datagrams)
        count = super().send_each(addresses, headers, store, slots, lengths)
        return self._give_up(before, count)

    def send_runs(self, runs: DatagramRuns) -> int:
        before = len(self.datagrams)
        count = super().send_runs(runs)
        return self._give_up(before, count)

    def _give_up(self, before: int, count: int) -> int:
        room = count if self.room_datagrams is None else min(count, self.room_datagrams)
        del self.datagrams[before + room :]
        self.given_up_datagrams += count - room
        return room
