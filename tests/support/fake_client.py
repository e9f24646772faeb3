"""A client for the shell's tests: subscriptions that do what the test says."""

import dataclasses

from headrace.base.channel_id import check_channel_id
from headrace.client.client import AlreadySubscribedError, ChannelFigures, NotSubscribedError
from headrace.client.subscription import SubscriptionFigures, SubscriptionState
from headrace.client.viewer import ViewerFigures


def channel_figures(**values: object) -> ChannelFigures:
    """Return figures that are all zero but for ``values``, which are fields of either kind."""
    received = SubscriptionFigures(SubscriptionState.CONNECTING, 0, 0, 0, 0, 0, 0, None)
    seen = ViewerFigures()
    names = {field.name for field in dataclasses.fields(received)}
    mine = {name: value for name, value in values.items() if name in names}
    other = {name: value for name, value in values.items() if name not in names}
    return ChannelFigures(dataclasses.replace(received, **mine), dataclasses.replace(seen, **other))  # type: ignore[arg-type]


class FakeClient:
    """Subscriptions by channel id.

    Attributes:
        all_figures: What each has received.
        failures: Why some have ended by themselves.
    """

    def __init__(self) -> None:
        self.all_figures: dict[str, ChannelFigures] = {}
        self.failures: dict[str, BaseException] = {}

    @property
    def channel_ids(self) -> list[str]:
        return list(self.all_figures)

    def subscribe(self, channel_id: str) -> None:
        if check_channel_id(channel_id) in self.all_figures:
            raise AlreadySubscribedError(f"already subscribed to {channel_id}")
        self.all_figures[channel_id] = channel_figures()

    async def unsubscribe(self, channel_id: str) -> ChannelFigures:
        figures = self.figures(check_channel_id(channel_id))
        del self.all_figures[channel_id]
        return figures

    def figures(self, channel_id: str) -> ChannelFigures:
        if channel_id not in self.all_figures:
            raise NotSubscribedError(f"not subscribed to {channel_id}")
        return self.all_figures[channel_id]

    def failure(self, channel_id: str) -> BaseException | None:
        return self.failures.get(channel_id)
