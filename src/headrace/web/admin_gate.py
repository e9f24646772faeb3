"""Whether somebody has the admin token: that of the state, or the one that the broker was started with."""

from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from headrace.access.admin_token import hash_admin_token, is_admin_token
from headrace.store.errors import StateError
from headrace.web.credentials import bearer_credential
from headrace.web.gateway import StateAccess
from headrace.web.problems import problem

FRESH_US: Final = 1_000_000
"""A page that asks each second costs the state one look."""


class AdminGate:
    """Looks at requests.

    Args:
        state: Has digests of tokens.
        token: Another one; None for none.
        now_us: Tells the time.
    """

    def __init__(self, state: StateAccess, token: str | None, now_us: Callable[[], int]) -> None:
        self._state = state
        self._own = [] if token is None else [hash_admin_token(token)]
        self._now_us = now_us
        self._kept: list[bytes] = []
        self._kept_us: int | None = None

    async def is_admin(self, request: HTTPConnection) -> bool:
        """Return whether a request shows an admin token."""
        credential = bearer_credential(request)
        return credential is not None and await self.is_token(credential)

    async def is_token(self, credential: str) -> bool:
        """Return whether ``credential``, which may be any text, is an admin token."""
        return is_admin_token(credential, [*self._own, *await self._digests()])

    async def refusal(self, request: HTTPConnection) -> Response | None:
        """Return the answer for who has none; None for who has one."""
        if await self.is_admin(request):
            return None
        detail = "send the admin token as 'Authorization: Bearer ...': 'headrace tokens admin' makes one"
        return problem(401, detail, headers={"WWW-Authenticate": "Bearer"})

    async def _digests(self) -> list[bytes]:
        if not self._state.is_there:
            return []
        now_us = self._now_us()
        if self._kept_us is None or now_us - self._kept_us > FRESH_US:
            try:
                self._kept = await self._state.use(lambda store: store.admin_tokens.digests())
            except StateError:
                # What was last read holds, as for everybody else.
                return self._kept
            self._kept_us = now_us
        return self._kept
