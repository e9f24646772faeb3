"""Which changes of a subscription's state are worth telling."""

from headrace.client.subscription import SubscriptionState


class StateChanges:
    """Remembers states by channel; a state that lasts for two looks is told, once.

    So the moment between connecting and the first packet is not told, nor a short pause.
    """

    def __init__(self) -> None:
        self._seen: dict[str, SubscriptionState] = {}
        self._told: dict[str, SubscriptionState] = {}

    def look(self, channel_id: str, state: SubscriptionState) -> str | None:
        """Return a line to show if ``state`` is new and lasts, or None."""
        is_lasting = self._seen.get(channel_id) is state
        self._seen[channel_id] = state
        if not is_lasting or self._told.get(channel_id, SubscriptionState.CONNECTING) is state:
            return None
        self._told[channel_id] = state
        return f"{channel_id}: {state.value}"

    def forget(self, channel_id: str) -> None:
        """Begin anew with a channel."""
        self._seen.pop(channel_id, None)
        self._told.pop(channel_id, None)
