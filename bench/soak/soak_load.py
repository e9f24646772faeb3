"""Everything that the broker of the soak has to bear, in one loop: producers, and a crowd that comes and goes.

Source: epoll(7).
"""

import select
from random import Random
from typing import Final

from bench.soak.soak_channel import SoakChannel
from bench.soak.soak_producer import SoakProducer
from bench.soak.soak_subscriber import SoakSubscriber
from bench.soak.tally import Tally
from bench.soak.visit import make_visit

from headrace.base.datagram_batch import DatagramBatch
from headrace.bench.light_subscribers import ACK_PHASES
from headrace.bench.round_trips import ACK_INTERVAL_US
from headrace.netio.clock import now_us

TICK_US: Final = ACK_INTERVAL_US // ACK_PHASES
MAX_JOINS_PER_TICK: Final = 2


class Crowd:
    """Places that are taken by one subscriber after another.

    Args:
        port: The broker's, on the loopback interface.
        places: How many subscribers there are at a time.
        channels: What they subscribe to.
        tally: Where to count.
        random: Decides who comes, for how long, and how they leave.
    """

    def __init__(self, port: int, places: int, channels: list[SoakChannel], tally: Tally, random: Random) -> None:
        self._port = port
        self._channels = channels
        self._tally = tally
        self._random = random
        self._batch = DatagramBatch(128)
        self._seats: list[SoakSubscriber | None] = [None] * places
        self._mute: list[SoakSubscriber] = []
        self._by_descriptor: dict[int, SoakSubscriber] = {}
        self._poll = select.epoll()
        self._phase = 0

    def __len__(self) -> int:
        return sum(seat is not None for seat in self._seats)

    def poll(self, seconds: float) -> list[SoakSubscriber]:
        """Wait for datagrams; return whose they are."""
        ready = self._poll.poll(seconds, len(self._seats))
        return [self._by_descriptor[descriptor] for descriptor, _ in ready]

    def handle_tick(self, time_us: int) -> None:
        """Let a tenth of the subscribers do what is due, and replace those that have left."""
        self._phase = (self._phase + 1) % ACK_PHASES
        joins = 0
        for place in range(self._phase, len(self._seats), ACK_PHASES):
            subscriber = self._seats[place]
            if subscriber is not None:
                subscriber.handle_tick(time_us)
                if subscriber.is_over or subscriber.is_mute:
                    self._leave_seat(place, subscriber)
            elif joins < MAX_JOINS_PER_TICK:
                self._take_seat(place)
                joins += 1
        if self._phase == 0:
            for subscriber in self._mute:
                subscriber.handle_tick(time_us)
            self._mute = [subscriber for subscriber in self._mute if not subscriber.is_over]

    def _take_seat(self, place: int) -> None:
        visit = make_visit(place, self._channels, self._random)
        subscriber = SoakSubscriber(self._port, visit, self._tally, self._random, self._batch)
        self._seats[place] = subscriber
        self._by_descriptor[subscriber.descriptor] = subscriber
        self._poll.register(subscriber.descriptor, select.EPOLLIN)

    def _leave_seat(self, place: int, subscriber: SoakSubscriber) -> None:
        self._seats[place] = None
        if self._by_descriptor[subscriber.descriptor] is subscriber:  # or another one has its descriptor by now
            del self._by_descriptor[subscriber.descriptor]
        if subscriber.is_mute:
            self._poll.unregister(subscriber.descriptor)
            self._mute.append(subscriber)

    def close(self) -> None:
        """Have everybody leave."""
        for subscriber in [*self._seats, *self._mute]:
            if subscriber is not None:
                subscriber.close()
        self._poll.close()


class SoakLoad:
    """Drives the crowd and the producers.

    Args:
        port: The broker's, on the loopback interface.
        subscribers: How many there are at a time.
        channels: What is streamed.
        seed: Of all that is decided at random.

    Attributes:
        tally: What was seen.
        crowd: The subscribers.
    """

    def __init__(self, port: int, subscribers: int, channels: list[SoakChannel], seed: int) -> None:
        self.tally = Tally()
        self.crowd = Crowd(port, subscribers, channels, self.tally, Random(f"{seed}/crowd"))
        self._producers = [
            SoakProducer(port, channel, self.tally, Random(f"{seed}/{channel.channel_id}")) for channel in channels
        ]
        self._tick_us = now_us()

    def run_until(self, end_us: int) -> None:
        """Keep everything going until then."""
        while now_us() < end_us:
            for subscriber in self.crowd.poll(TICK_US / 1e6):
                if not subscriber.is_over:
                    subscriber.handle_readable()
                self._tick()
            self._tick()

    def _tick(self) -> None:
        time_us = now_us()
        if time_us < self._tick_us:
            return
        self._tick_us = max(self._tick_us + TICK_US, time_us - ACK_INTERVAL_US)
        for producer in self._producers:
            producer.handle_tick(time_us)
        self.crowd.handle_tick(time_us)

    def close(self) -> None:
        """End it."""
        self.crowd.close()
        for producer in self._producers:
            producer.close()
