"""Another service is asked over HTTP. Nothing it does lets anybody in who should not be, or holds anything up."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.hook_server import HookServer

from headrace.access.ask import Verb
from headrace.access.gate import Denial
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.service.admission_hook import MAX_ENDS_QUEUED, MAX_REQUESTS, AdmissionHook, HookConfig, HookError

QUESTION = HookQuestion(Verb.REQUEST, "cam1", "203.0.113.7", user="../../x?y#z@evil.example")


class Inbox:
    """Takes what the hook delivers."""

    def __init__(self) -> None:
        self.verdicts: asyncio.Queue[tuple[HookQuestion, HookVerdict]] = asyncio.Queue()

    async def take(self, question: HookQuestion, verdict: HookVerdict) -> None:
        await self.verdicts.put((question, verdict))

    async def next_verdict(self) -> HookVerdict:
        async with asyncio.timeout(20):
            return (await self.verdicts.get())[1]


@asynccontextmanager
async def running(url: str, timeout_seconds: float = 10) -> AsyncIterator[tuple[AdmissionHook, Inbox]]:
    inbox = Inbox()
    hook = AdmissionHook(HookConfig(url, timeout_seconds), inbox.take)
    await hook.start()
    try:
        yield hook, inbox
    finally:
        await hook.stop()


async def verdict_of(server: HookServer, timeout_seconds: float = 10) -> HookVerdict:
    async with running(server.url, timeout_seconds) as (hook, inbox):
        hook.ask(QUESTION)
        return await inbox.next_verdict()


def test_a_question_is_posted_to_the_url_and_the_answer_comes_back() -> None:
    async def main() -> None:
        async with HookServer() as server:
            assert await verdict_of(server) == HookVerdict()
            assert server.requests[0].startswith("POST /hook HTTP/1.1\r\n")
            assert server.messages[0]["channel"] == "cam1"
            server.body = b'{"allow": false, "code": 2401, "why": "unpaid"}'
            assert await verdict_of(server) == HookVerdict(Denial(2401, "unpaid"))

    asyncio.run(main())


def test_nothing_from_the_wire_gets_into_the_request_line_or_the_host() -> None:
    async def main() -> None:
        async with HookServer() as server:
            await verdict_of(server)
            head = server.requests[0]
            assert head.splitlines()[0] == "POST /hook HTTP/1.1"
            assert "evil" not in head
            assert server.messages[0]["user"] == QUESTION.user

    asyncio.run(main())


def test_a_redirect_is_not_followed() -> None:
    async def main() -> None:
        async with HookServer() as elsewhere, HookServer(307, headers={"location": elsewhere.url}) as server:
            verdict = await verdict_of(server)
            assert verdict.denial is not None
            assert verdict.denial.code == 2500
            assert elsewhere.requests == []

    asyncio.run(main())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with HookServer() as proxy, HookServer() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            assert await verdict_of(server) == HookVerdict()
            assert proxy.requests == []

    asyncio.run(main())


def test_a_cookie_that_an_answer_sets_is_not_sent_with_the_next_question() -> None:
    async def main() -> None:
        async with HookServer(headers={"set-cookie": "of=somebody"}) as server:
            async with running(server.url) as (hook, inbox):
                for _ in range(2):
                    hook.ask(QUESTION)
                    assert await inbox.next_verdict() == HookVerdict()
            assert len(server.requests) == 2
            assert "cookie" not in server.requests[1].lower()

    asyncio.run(main())


@pytest.mark.parametrize(
    "server",
    [HookServer(delay_seconds=30), HookServer(drip_seconds=0.2, body=b'{"allow": true}' + b" " * 100)],
    ids=["silent", "dripping"],
)
def test_a_service_that_is_slow_as_a_whole_lets_nobody_in(server: HookServer) -> None:
    async def main() -> None:
        async with server:
            started = time.monotonic()
            verdict = await verdict_of(server, timeout_seconds=0.5)
            assert time.monotonic() - started < 5
            assert verdict == HookVerdict(Denial(2402, "the hook could not be asked"))

    asyncio.run(main())


def test_a_service_that_is_not_there_lets_nobody_in() -> None:
    async def main() -> None:
        async with HookServer() as server:
            url = server.url
        async with running(url) as (hook, inbox):
            hook.ask(QUESTION)
            assert await inbox.next_verdict() == HookVerdict(Denial(2402, "the hook could not be asked"))
            assert hook.counts == {"failed": 1, "denied": 1}

    asyncio.run(main())


@pytest.mark.parametrize(
    "server",
    [
        HookServer(body=b'{"allow": true}' + b" " * 1_000_000),
        HookServer(body=gzip.compress(b'{"allow": true}'), headers={"content-encoding": "gzip"}),
        HookServer(body=b"<html>"),
        HookServer(500),
    ],
    ids=["endless", "compressed", "page", "broken"],
)
def test_an_answer_that_cannot_be_used_lets_nobody_in(server: HookServer) -> None:
    async def main() -> None:
        async with server:
            verdict = await verdict_of(server)
            assert verdict.denial is not None
            assert verdict.denial.code == 2500

    asyncio.run(main())


def test_what_does_not_speak_http_lets_nobody_in() -> None:
    async def main() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"220 mail.example ESMTP\r\n" * 3)
            writer.close()

        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            async with running(url) as (hook, inbox):
                hook.ask(QUESTION)
                assert await inbox.next_verdict() == HookVerdict(Denial(2402, "the hook could not be asked"))

    asyncio.run(main())


def test_no_more_requests_are_open_at_a_time_than_the_limit_and_all_are_answered() -> None:
    async def main() -> None:
        async with HookServer(delay_seconds=0.05) as server, running(server.url) as (hook, inbox):
            for _ in range(4 * MAX_REQUESTS):
                hook.ask(QUESTION)
            for _ in range(4 * MAX_REQUESTS):
                assert await inbox.next_verdict() == HookVerdict()
            assert 1 < server.at_once <= MAX_REQUESTS

    asyncio.run(main())


def test_questions_go_before_what_is_told_of_those_who_went_and_that_is_bounded() -> None:
    async def main() -> None:
        async with HookServer() as server, running(server.url) as (hook, inbox):
            for _ in range(MAX_ENDS_QUEUED + 5):
                hook.tell_end(QUESTION, 1_000_000)
            hook.ask(QUESTION)
            assert await inbox.next_verdict() == HookVerdict()
            assert hook.counts["dropped"] == 5
            events = [message["event"] for message in server.messages]
            assert "subscribe" in events[: MAX_REQUESTS + 1]

    asyncio.run(main())


def test_what_was_put_before_the_end_is_still_sent() -> None:
    async def main() -> None:
        async with HookServer() as server:
            async with running(server.url) as (hook, _):
                hook.tell_end(QUESTION, 1_000_000)
            assert [message["event"] for message in server.messages] == ["end"]
            hook.tell_end(QUESTION, 1_000_000)
            await hook.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org", "example.org", "http://", "http://[", "http://a:b:c", "file:///etc/passwd"]
)
def test_a_url_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(HookError):
        HookConfig(url)


def test_a_password_in_the_url_is_not_shown() -> None:
    config = HookConfig("https://me:hunter2@example.org:444/hook?key=hunter2")
    assert config.where == "https://example.org:444/hook"
    assert "hunter2" not in repr(config)
