"""Asks another service, over HTTP, whether somebody may come in, and tells it who has gone.

It only ever requests the one URL that the configuration names: nothing from the wire goes into it, redirects are
not followed, proxies from the environment are not used, and no cookies are kept, so each question stands for
itself. Whatever goes wrong refuses the caller.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import structlog

from headrace.access.gate import OVERLOAD
from headrace.access.hook import (
    MAX_ANSWER_BYTES,
    HookQuestion,
    HookVerdict,
    decode_answer,
    denied,
    encode_end,
    encode_question,
)
from headrace.base.errors import HeadraceError

if TYPE_CHECKING:
    import httpx

DEFAULT_TIMEOUT_SECONDS: Final = 2.0
"""Callers give up after 3 s."""
DEFAULT_CACHE_SECONDS: Final = 10.0
MAX_REQUESTS: Final = 8
"""At a time: more would let a crowd of viewers take down the service that is asked."""
MAX_ENDS_QUEUED: Final = 1024
"""Messages of who has gone that wait for questions to be answered first; more are dropped, and counted."""

_log = structlog.get_logger()


class HookError(HeadraceError, ValueError):
    """The hook's URL cannot be one."""


@dataclass(frozen=True, slots=True)
class HookConfig:
    """Whom to ask.

    Attributes:
        url: Where requests go; may hold a password.
        timeout_seconds: For a whole request; whoever asks in vain so long is refused.
        cache_seconds: How long an answer holds for the same question.

    Raises:
        HookError: The URL is none of HTTP.
    """

    url: str = field(repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    cache_seconds: float = DEFAULT_CACHE_SECONDS

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            raise HookError("the hook's URL is malformed: give one such as https://example.org/headrace") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise HookError("the hook's URL begins with http:// or https:// and names a host")

    @property
    def where(self) -> str:
        """The URL without what may be secret in it, for logs."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


class _Message(NamedTuple):
    """What is to be sent; the queue gives out questions first, and then what came first."""

    is_end: bool
    number: int
    body: bytes
    question: HookQuestion | None = None


class AdmissionHook:
    """Runs from `start` to `stop`.

    Args:
        config: Whom to ask.
        deliver: Gets each verdict.

    Attributes:
        counts: Of requests: ``allowed``, ``denied``, ``failed``, ``told``; and ``dropped`` messages.
    """

    def __init__(
        self, config: HookConfig, deliver: Callable[[HookQuestion, HookVerdict], Awaitable[object]]
    ) -> None:
        self._config = config
        self._deliver = deliver
        self._queue: asyncio.PriorityQueue[_Message] = asyncio.PriorityQueue()
        self._numbers = count()
        self._workers: list[asyncio.Task[None]] = []
        self._is_failing = False
        self.counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        # It takes 300 ms to load, and only who has a hook needs it.
        await asyncio.to_thread(import_module, "httpx")
        self._client = _make_client(self._config.timeout_seconds)
        self._workers = [asyncio.create_task(self._work()) for _ in range(MAX_REQUESTS)]
        _log.info("whoever comes is asked about", hook=self._config.where)

    def ask(self, question: HookQuestion) -> None:
        """Ask; from whatever thread."""
        self._put(_Message(False, next(self._numbers), encode_question(question), question))

    def tell_end(self, question: HookQuestion, duration_us: int) -> None:
        """Tell that who was let in by ``question`` has gone; from whatever thread."""
        self._put(_Message(True, next(self._numbers), encode_end(question, duration_us)))

    def _put(self, message: _Message) -> None:
        # A loop that has been closed asks nobody any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._enqueue, message)

    def _enqueue(self, message: _Message) -> None:
        # Questions are bounded where they come from.
        if message.is_end and self._queue.qsize() >= MAX_ENDS_QUEUED:
            self.counts["dropped"] += 1
        else:
            self._queue.put_nowait(message)

    async def _work(self) -> None:
        while True:
            message = await self._queue.get()
            try:
                await self._send(message)
            except Exception as error:  # noqa: BLE001 - what one answer brings must not end the others
                _log.error("a message to the hook met a bug; the broker goes on", exc_info=error)
            finally:
                self._queue.task_done()

    async def _send(self, message: _Message) -> None:
        verdict = await self._request(message.body)
        if message.question is None:
            self.counts["told"] += 1
            return
        self.counts["allowed" if verdict.denial is None else "denied"] += 1
        with contextlib.suppress(RuntimeError):  # the media loop has been stopped
            await self._deliver(message.question, verdict)

    async def _request(self, body: bytes) -> HookVerdict:
        from httpx import HTTPError, InvalidURL  # noqa: PLC0415 - loaded by start()

        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                status, answer = await self._post(body)
        except TimeoutError:
            return self._fail("no answer in time")
        except (HTTPError, InvalidURL, OSError) as error:
            return self._fail(type(error).__name__)
        if self._is_failing:
            self._is_failing = False
            _log.info("the hook answers again", hook=self._config.where)
        return decode_answer(status, answer)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer, of a long one no more than its beginning."""
        async with self._client.stream("POST", self._config.url, content=body) as response:
            answer = b""
            # Raw: a small compressed answer may be a large one.
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    break
            return response.status_code, answer

    def _fail(self, reason: str) -> HookVerdict:
        self.counts["failed"] += 1
        if not self._is_failing:
            self._is_failing = True
            _log.warning("the hook cannot be asked: nobody is let in", hook=self._config.where, reason=reason)
        return denied(OVERLOAD, "the hook could not be asked")

    async def stop(self) -> None:
        """End, once what is queued has been sent or a request's time is over; a second time does nothing."""
        if not self._workers:
            return
        # What other threads have put is in the queue after this turn of the event loop.
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.timeout_seconds):
                await self._queue.join()
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self._client.aclose()


def _make_client(timeout_seconds: float) -> "httpx.AsyncClient":
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # noqa: PLC0415 - httpx loads it too

    import httpx  # noqa: PLC0415 - loaded by start()

    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=timeout_seconds,
        limits=httpx.Limits(max_connections=MAX_REQUESTS, max_keepalive_connections=MAX_REQUESTS),
        headers={
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "headrace",
        },
    )
