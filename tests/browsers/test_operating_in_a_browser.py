"""An operator at a broker's page: who is sent away, what keys open, what is said, and who may watch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import WITHIN_MS, visitor
from tests.support.headrace_commands import Headrace, run_headrace
from tests.support.ports import free_udp_port
from tests.support.processes import wait_until
from tests.support.web_broker import HOST, READY_SECONDS, WebBroker

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

ADMIN_TOKEN = "admin-token-of-a-test"
PUBLIC, PRIVATE, STUDIO = "harbour", "vault", "studio"
PLAYING = "#player[data-state=playing]"
LIVE = "#preview-frame[data-state=live]"
WITHIN_SECONDS = WITHIN_MS / 1000


class Operated:
    """A broker with a state, and what its operator can ask.

    Attributes:
        broker: Running.
        folder: Of its state and logs.
        keys: Stream keys, by channel.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._do("channels", "add", PUBLIC)
        self._do("channels", "add", PRIVATE, "--visibility", "private")
        self._do("channels", "add", STUDIO)
        self.keys = {channel: self._new_key(channel) for channel in (PUBLIC, PRIVATE, STUDIO)}
        (folder / "admin").write_text(ADMIN_TOKEN)
        options = ("--webrtc-port", str(free_udp_port(HOST)), "--admin-token-file", str(folder / "admin"))
        self.broker = WebBroker(folder, options, is_open=False)

    def _do(self, *arguments: str) -> str:
        done = run_headrace(*arguments, "--state", str(self.folder / "state"), folder=self.folder, seconds=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _new_key(self, channel: str) -> str:
        self._do("keys", "new", channel, "--out", str(self.folder / f"{channel}.key"))
        return (self.folder / f"{channel}.key").read_text().strip()

    def new_token(self, channel: str) -> str:
        """Return a token to watch a channel with."""
        return self._do("tokens", "new", channel, "--for", "1h").split()[0]

    def ask(self, path: str) -> Any:
        """Return what the API answers the operator."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = httpx.get(f"{self.broker.url}/api/v1{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def live(self) -> list[str]:
        """Return which channels are live, private ones too."""
        return sorted(one["id"] for one in self.ask("/status")["channels"] if one["state"] == "live")

    def viewers(self, channel: str) -> set[str]:
        """Return the sessions of browsers that watch a channel."""
        subscribers = self.ask(f"/status?subscribers_of={channel}")["subscribers"]
        return {one["session_id"] for one in subscribers if one.get("session_id")}

    def producer_of(self, channel: str) -> int | None:
        """Return the socket of who produces a channel; a browser has one inside the broker."""
        producers = [one["producer"] for one in self.ask("/status")["channels"] if one["id"] == channel]
        return producers[0]["socket_id"] if producers and producers[0] else None

    def produce(self, channel: str) -> Headrace:
        """Start a producer with the channel's key."""
        folder = self.folder
        key = ("--key-file", str(folder / f"{channel}.key"))
        return self.broker.producer(folder, channel, *key)


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    """Let pages take as long as a busy machine does."""
    expect.set_options(timeout=WITHIN_MS)


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """Give a broker with two channels that are on the air, one of them private, and a third for a studio."""
    running = Operated(tmp_path_factory.mktemp("operated"))
    with running.broker, running.produce(PUBLIC), running.produce(PRIVATE):
        wait_until(lambda: running.live() == [PUBLIC, PRIVATE], "both are live", seconds=READY_SECONDS)
        yield running


@contextmanager
def desk(browser: Browser, operated: Operated) -> Iterator[Page]:
    """Come in as the operator."""
    with visitor(browser, operated.broker.url) as page:
        page.goto("/operate")
        page.get_by_label("Admin token").fill(ADMIN_TOKEN)
        page.get_by_role("button", name="Come in").click()
        page.locator("#desk").wait_for()
        yield page


def choose(page: Page, channel: str) -> None:
    page.get_by_role("button", name=channel, exact=True).click()
    expect(page.locator("#channel-heading")).to_have_text(channel)


def test_a_viewer_that_is_sent_away_loses_its_session_and_may_come_again(
    browser: Browser, operated: Operated
) -> None:
    with visitor(browser, operated.broker.url) as viewer, desk(browser, operated) as page:
        viewer.goto(f"/watch/{PUBLIC}")
        viewer.locator(PLAYING).wait_for()
        [session] = operated.viewers(PUBLIC)
        choose(page, PUBLIC)
        page.locator("#subscriber-rows").get_by_role("button", name="Send away").click()
        page.locator("#ask-yes").click()
        expect(page.get_by_text("Sent away", exact=True)).to_be_visible()
        wait_until(lambda: session not in operated.viewers(PUBLIC), "it has gone", seconds=WITHIN_SECONDS)
        wait_until(lambda: bool(operated.viewers(PUBLIC)), "it comes again", seconds=WITHIN_SECONDS)
        viewer.locator(PLAYING).wait_for()


def test_a_studio_produces_with_its_key_alone_and_comes_again_when_it_was_sent_away(
    browser: Browser, operated: Operated
) -> None:
    with visitor(browser, operated.broker.url) as studio, desk(browser, operated) as page:
        studio.goto("/produce")
        studio.get_by_label("Stream key", exact=True).fill("hrk_not-a-key")
        studio.get_by_role("button", name="Go live").click()
        expect(studio.locator("#key-problem")).to_be_visible(timeout=WITHIN_MS)
        studio.get_by_label("Stream key", exact=True).fill(operated.keys[STUDIO])
        studio.get_by_role("button", name="Go live").click()
        studio.locator(LIVE).wait_for()
        wait_until(lambda: operated.producer_of(STUDIO) is not None, "it is known", seconds=WITHIN_SECONDS)
        first = operated.producer_of(STUDIO)
        choose(page, STUDIO)
        page.locator("#producers").get_by_role("button", name="Send away").click()
        page.locator("#ask-yes").click()
        expect(page.get_by_text("Sent away", exact=True)).to_be_visible()
        wait_until(lambda: operated.producer_of(STUDIO) != first, "it has gone", seconds=WITHIN_SECONDS)
        # Nothing keeps it out: its page goes on by itself, with a session that is another one.
        wait_until(
            lambda: operated.producer_of(STUDIO) not in {None, first}, "it comes again", seconds=WITHIN_SECONDS
        )
        studio.get_by_role("button", name="Stop").click()


def test_a_new_key_opens_its_channel_until_it_is_revoked(browser: Browser, operated: Operated) -> None:
    with desk(browser, operated) as page, visitor(browser, operated.broker.url) as studio:
        page.get_by_role("tab", name="Keys").click()
        page.get_by_role("tabpanel", name="Keys").get_by_label("Channel", exact=True).fill(STUDIO)
        page.get_by_label("What it is for").fill("the van")
        page.get_by_role("button", name="New key").click()
        key = page.locator("#key-once pre").first.inner_text()
        page.get_by_role("button", name="I have stored it").click()
        row = page.locator("#key-rows tr", has_text="the van")
        expect(row).to_contain_text("opens its channel")

        studio.goto("/produce")
        studio.get_by_label("Stream key", exact=True).fill(key)
        studio.get_by_role("button", name="Go live").click()
        studio.locator(LIVE).wait_for()

        row.get_by_role("button", name="Revoke").click()
        page.locator("#ask-yes").click()
        expect(row).to_contain_text("revoked")
        # It was sent away, and is told why it is not let in again.
        expect(studio.locator("#key-problem")).to_be_visible(timeout=WITHIN_MS)
        expect(studio.locator("#studio-state")).to_have_text("Not live.")
        assert operated.producer_of(STUDIO) is None


def test_an_operator_removes_what_was_said_and_mutes_who_said_it(browser: Browser, operated: Operated) -> None:
    with visitor(browser, operated.broker.url) as viewer, desk(browser, operated) as page:
        viewer.goto(f"/watch/{PUBLIC}")
        expect(viewer.locator("#chat-state")).to_be_empty(timeout=WITHIN_MS)
        say(viewer, "Otto", "buy my watches")
        line = viewer.locator("#chat-lines li", has_text="buy my watches")
        line.wait_for()
        page.get_by_role("tab", name="Chat").click()
        page.get_by_role("tabpanel", name="Chat").get_by_label("Channel", exact=True).select_option(PUBLIC)
        said = page.locator("#moderated-lines li", has_text="buy my watches")
        said.get_by_role("button", name="Mute Otto").click()
        expect(page.locator("#muted-list")).to_contain_text("Otto")
        said.get_by_role("button", name="Remove").click()
        expect(said).to_have_count(0)
        expect(line).to_have_count(0)
        say(viewer, None, "nobody shall read this")
        expect(viewer.locator("#chat-refused")).to_be_visible(timeout=WITHIN_MS)
        assert page.locator("#moderated-lines li", has_text="nobody shall read this").count() == 0


def test_who_opens_a_public_channel_with_a_wrong_token_is_told_in_the_chat(
    browser: Browser, operated: Operated
) -> None:
    with visitor(browser, operated.broker.url) as viewer:
        viewer.goto(f"/watch/{PUBLIC}?token=hra_mistyped")
        told = "Your token gives you no name or role here: this is not the admin token"
        expect(viewer.locator("#chat-refused")).to_have_text(told, timeout=WITHIN_MS)
        expect(viewer.locator("#chat-state")).to_be_empty()


def say(page: Page, name: str | None, words: str) -> None:
    if name is not None:
        page.get_by_label("Your name").fill(name)
    page.get_by_label("Message", exact=True).fill(words)
    page.get_by_role("button", name="Send").click()


def test_a_private_channel_is_watched_with_a_token_of_the_address_and_not_without(
    browser: Browser, operated: Operated
) -> None:
    token = operated.new_token(PRIVATE)
    with visitor(browser, operated.broker.url) as stranger, visitor(browser, operated.broker.url) as guest:
        stranger.goto(f"/watch/{PRIVATE}")
        stranger.locator("#player[data-state=token]").wait_for()
        assert stranger.locator("#video").evaluate("(video) => video.videoWidth") == 0
        guest.goto(f"/watch/{PRIVATE}?token={token}")
        guest.locator(PLAYING).wait_for()
        assert token not in guest.url
        stranger.get_by_label("Token").fill(token)
        stranger.locator("#token-form").get_by_role("button").click()
        stranger.locator(PLAYING).wait_for()
        assert PRIVATE not in stranger.request.get("/api/v1/channels").text()
