"""Requests that the broker makes: where they go is the configuration's to say, and nobody else's.

Source: Owncast CVE-2023-46480 and GHSA-fvfm-7j99-r2xv (a URL of the caller's is fetched: SSRF).
"""

import asyncio

import pytest
from tests.support.hook_server import HookServer

from headrace.access.ask import Verb
from headrace.access.hook import HookQuestion, HookVerdict
from headrace.service.admission_hook import AdmissionHook, HookConfig, HookError

TARGETS = ["http://169.254.169.254/latest/meta-data", "//127.0.0.1:1/x", "file:///etc/passwd", "/admin"]


async def asked(hook: HookServer, question: HookQuestion) -> HookVerdict:
    """Return what comes of a question."""
    verdicts: asyncio.Queue[HookVerdict] = asyncio.Queue()

    async def deliver(_: HookQuestion, verdict: HookVerdict) -> None:
        verdicts.put_nowait(verdict)

    asking = AdmissionHook(HookConfig(hook.url), deliver)
    await asking.start()
    try:
        asking.ask(question)
        async with asyncio.timeout(10):
            return await verdicts.get()
    finally:
        await asking.stop()


@pytest.mark.parametrize("said", ["http://127.0.0.1:1/", "../admin", "x\r\nHost: evil", "?a=b#c", "@evil/"])
def test_what_a_caller_says_is_in_the_body_of_a_request_and_nowhere_else(said: str) -> None:
    async def run() -> None:
        async with HookServer() as hook:
            await asked(hook, HookQuestion(Verb.PUBLISH, said, said, user=said, token_id=said))
            assert [head.splitlines()[0] for head in hook.requests] == ["POST /hook HTTP/1.1"]
            assert "evil" not in "".join(hook.requests)
            assert hook.messages[0]["channel"] == said

    asyncio.run(run())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_answer_that_points_elsewhere_is_a_no_and_nobody_goes_there(status: int) -> None:
    async def run() -> None:
        async with HookServer() as elsewhere, HookServer(status=status) as hook:
            hook.headers["location"] = elsewhere.url
            verdict = await asked(hook, HookQuestion(Verb.PUBLISH, "a", "10.0.0.1"))
            assert verdict.denial is not None
            assert elsewhere.requests == []

    asyncio.run(run())


@pytest.mark.parametrize("location", TARGETS)
def test_no_address_that_an_answer_names_is_gone_to(location: str) -> None:
    async def run() -> None:
        async with HookServer(status=302, headers={"location": location}) as hook:
            verdict = await asked(hook, HookQuestion(Verb.REQUEST, "a", "10.0.0.1"))
            assert verdict.denial is not None
            assert len(hook.requests) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1:70/x", "ftp://x/", "//x/y", "http:///x", ""]
)
def test_the_configuration_itself_may_name_http_alone(url: str) -> None:
    with pytest.raises(HookError):
        HookConfig(url)
