"""A client: any number of subscriptions to one broker, begun and ended at any time.

::

    async with Client(BrokerAddress("127.0.0.1", 8890)) as client:
        client.subscribe("1AAA99")
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Self

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.client.broker_address import BrokerAddress
from headrace.client.srt_connect import check_encryption
from headrace.client.subscription import PayloadSink, Subscription, SubscriptionFigures
from headrace.client.viewer import Viewer, ViewerFigures


class AlreadySubscribedError(HeadraceError):
    """There is a subscription to this channel."""


class NotSubscribedError(HeadraceError):
    """There is no subscription to this channel."""


class ChannelFigures(NamedTuple):
    """What one subscription has received, and what of it could be seen."""

    received: SubscriptionFigures
    seen: ViewerFigures


class _Running(NamedTuple):
    subscription: Subscription
    viewer: Viewer
    task: "asyncio.Task[None]"


class Client:
    """Subscriptions by channel id.

    Args:
        broker: Where the broker listens.
        latency_ms: Least SRT latency of each subscription.
        token: Goes with each subscription, for private channels.
        passphrase: Of each subscription, for encrypted channels; 10 to 79 bytes of UTF-8.
        key_length_bytes: 16, 24 or 32, for AES-128, -192 or -256.
        make_sinks: Returns further sinks for a new subscription, such as a recorder.

    Raises:
        ValueError: The passphrase or the key length cannot be one.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        latency_ms: int = 120,
        token: str | None = None,
        passphrase: str | None = None,
        key_length_bytes: int = 16,
        make_sinks: Callable[[str], Sequence[PayloadSink]] = lambda _: (),
    ) -> None:
        self._broker = broker
        self._latency_ms = latency_ms
        self._token = token
        check_encryption(passphrase, key_length_bytes)
        self._passphrase = passphrase
        self._key_length_bytes = key_length_bytes
        self._make_sinks = make_sinks
        self._running: dict[str, _Running] = {}

    @property
    def channel_ids(self) -> list[str]:
        """The channels subscribed to, in the order of subscribing."""
        return list(self._running)

    def subscribe(self, channel_id: str) -> None:
        """Begin a subscription, in the running event loop.

        Raises:
            ChannelIdError: The channel id cannot be one.
            AlreadySubscribedError: There is one.
            HeadraceError: A sink cannot be made.
            OSError: A sink cannot be made.
        """
        if check_channel_id(channel_id) in self._running:
            raise AlreadySubscribedError(f"already subscribed to {channel_id}")
        loop = asyncio.get_running_loop()
        sinks = self._make_sinks(channel_id)
        viewer = Viewer()
        subscription = Subscription(
            self._broker,
            channel_id,
            latency_ms=self._latency_ms,
            token=self._token,
            passphrase=self._passphrase,
            key_length_bytes=self._key_length_bytes,
            sinks=[viewer, *sinks],
        )
        task = loop.create_task(subscription.run(), name=f"subscription {channel_id}")
        self._running[channel_id] = _Running(subscription, viewer, task)

    async def unsubscribe(self, channel_id: str) -> ChannelFigures:
        """End a subscription; return what it received, and the state that it was in.

        Raises:
            ChannelIdError: The channel id cannot be one.
            NotSubscribedError: There is none.
        """
        running = self._find(check_channel_id(channel_id))
        del self._running[channel_id]
        state = running.subscription.figures.state
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
        # A task that is cancelled before its first step never runs, not even to clean up.
        await running.subscription.close()
        return ChannelFigures(replace(running.subscription.figures, state=state), running.viewer.figures)

    def figures(self, channel_id: str) -> ChannelFigures:
        """Return what a subscription has received so far.

        Raises:
            NotSubscribedError: There is none.
        """
        running = self._find(channel_id)
        return ChannelFigures(running.subscription.figures, running.viewer.figures)

    def _find(self, channel_id: str) -> _Running:
        running = self._running.get(channel_id)
        if running is None:
            raise NotSubscribedError(f"not subscribed to {channel_id}")
        return running

    def failure(self, channel_id: str) -> BaseException | None:
        """Return why a subscription has ended by itself, None while it runs.

        Raises:
            NotSubscribedError: There is none.
        """
        task = self._find(channel_id).task
        return task.exception() if task.done() and not task.cancelled() else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self.unsubscribe(channel_id) for channel_id in self.channel_ids))
