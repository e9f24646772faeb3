import asyncio
import io
from typing import cast

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from rich.console import Console
from tests.support.fake_client import FakeClient, channel_figures

from headrace.cli.live_list import ListError
from headrace.cli.shell import COMMANDS, HELP, MAX_TOOLBAR_LINES, Shell, _ShellCompleter
from headrace.client.client import Client
from headrace.client.subscription import SubscriptionState
from headrace.srt.rejection import ConnectionRejectedError


class Session:
    """A shell on a fake client; `type` returns what it answers."""

    def __init__(self, *known_ids: str) -> None:
        self.client = FakeClient()
        self._out = io.StringIO()
        console = Console(file=self._out, width=140)
        self.shell = Shell(cast(Client, self.client), console, known_ids)
        self.has_ended = False

    def type(self, line: str) -> list[str]:
        self.has_ended = not asyncio.run(self.shell.execute(line))
        return self.answer()

    def look(self, *, now_us: int = 0) -> list[str]:
        asyncio.run(self.shell.look(now_us))
        return self.answer()

    def answer(self) -> list[str]:
        lines = self._out.getvalue().splitlines()
        self._out.truncate(0)
        self._out.seek(0)
        return [line.rstrip() for line in lines]


def test_a_session_reads_like_this() -> None:
    session = Session()
    assert session.type("") == []
    assert session.type("status") == ["no subscriptions: type subscribe ID"]
    assert session.type("subscribe 1AAA99") == ["subscribed to 1AAA99"]
    assert session.type("  SUBSCRIBE   1AAA99 2BBB99 ") == ["already subscribed to 1AAA99", "subscribed to 2BBB99"]
    assert session.type("unsubscribe 3CCC99") == ["not subscribed to 3CCC99"]
    session.client.all_figures["1AAA99"] = channel_figures(
        video_frames=30, received_payload_bytes=1_250_000, lost_packets=3, recovered_packets=2, dropped_packets=1
    )
    assert session.type("unsubscribe 1AAA99") == [
        "unsubscribed from 1AAA99: 30 frames, 1.2 MB, lost 3, recovered 2, dropped 1"
    ]
    assert session.client.channel_ids == ["2BBB99"]
    assert session.type("help") == HELP.splitlines()
    assert not session.has_ended
    assert (session.type("quit"), session.has_ended) == ([], True)


@pytest.mark.parametrize(
    "line", ["bogus", "subscribed X", "quit now", "status X", "help me", "'", "sub X", "\x1b[A"]
)
def test_anything_else_is_answered_with_what_can_be_typed_and_changes_nothing(line: str) -> None:
    session = Session()
    [answer] = session.type(line)
    assert answer.endswith("is no command: type list, subscribe ID, unsubscribe ID, status, help or quit")
    assert answer.isprintable()
    assert not session.has_ended
    assert session.client.channel_ids == []


def test_a_very_long_line_is_not_repeated_in_full() -> None:
    [answer] = Session().type("x" * 4000)
    assert len(answer) < 150


@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
def test_a_verb_without_an_id_asks_for_one(verb: str) -> None:
    assert Session().type(verb) == [f"which channel? Type {verb} ID, such as {verb} 1AAA99"]


@pytest.mark.parametrize(
    "typed", ["../x", "'a b'", '"a b"', "ünï", "-x", "a/b", "x" * 65, "''", "'unbalanced", "a\\b/"]
)
@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
def test_a_malformed_id_says_so_and_the_next_one_still_counts(verb: str, typed: str) -> None:
    session = Session()
    answers = session.type(f"{verb} {typed}")
    assert len(answers) == 1
    assert "channel id" in answers[0]
    assert session.client.channel_ids == []


def test_what_a_sink_cannot_do_is_said() -> None:
    session = Session()

    def refuse(channel_id: str) -> None:
        raise OSError(28, "No space left on device")

    session.client.subscribe = refuse  # type: ignore[method-assign]
    assert session.type("subscribe X") == ["[Errno 28] No space left on device"]


def test_status_shows_a_row_for_each_subscription() -> None:
    session = Session()
    session.type("subscribe A B")
    session.client.all_figures["A"] = channel_figures(
        state=SubscriptionState.LIVE, video_frames=12, received_packets=345, title="[/b] \x1b[2Jtitle"
    )
    [*_, first, second, description] = [line.split() for line in session.type("status")]
    assert first == ["A", "live", "-", "12", "345", "0", "0", "0", "-"]
    assert second == ["B", "connecting", "-", "0", "0", "0", "0", "0", "-"]
    assert description == ["A:", "[/b]", "?[2Jtitle"]


def test_what_changes_is_told_by_itself() -> None:
    session = Session()
    session.type("subscribe A")
    assert session.look() == []
    session.client.all_figures["A"] = channel_figures(state=SubscriptionState.LIVE)
    assert session.look() + session.look() + session.look() == ["A: live"]
    session.client.all_figures["A"] = channel_figures(state=SubscriptionState.WAITING)
    assert session.look() + session.look() + session.look() == ["A: waiting for the producer"]


def test_a_refused_subscription_says_so_and_can_be_tried_again() -> None:
    session = Session()
    session.type("subscribe A B")
    session.client.failures["A"] = ConnectionRejectedError(2403)
    assert session.look() == [
        "A: the subscription has ended: refused (2403): this is not allowed: "
        "the token is for something else, or the broker's hook said no"
    ]
    assert session.client.channel_ids == ["B"]
    assert session.look() == []
    assert session.type("subscribe A") == ["subscribed to A"]


def test_the_toolbar_has_a_line_for_each_subscription_with_its_rate() -> None:
    session = Session()
    assert session.shell.toolbar(80) == "no subscriptions: type subscribe ID (Tab completes)"
    session.type("subscribe A")
    for second in (0, 1):
        session.client.all_figures["A"] = channel_figures(
            state=SubscriptionState.LIVE,
            received_payload_bytes=second * 250_000,
            video_frames=5,
            lost_packets=2,
            recovered_packets=1,
            latency_p50_ms=130,
            latency_p99_ms=140,
            title="News",
            facts={"city": "Bern"},
        )
        session.look(now_us=second * 1_000_000)
    assert session.shell.toolbar(200) == (
        "A  live  5 frames  2.00 Mbit/s  130 / 140 ms  lost 2  recovered 1  dropped 0  News, city=Bern"
    )
    assert session.shell.toolbar(20) == "A  live  5 frames  2"


@pytest.mark.parametrize(("count", "last"), [(8, "ch7  connecting"), (9, "and 2 more: type status")])
def test_a_toolbar_of_many_subscriptions_leaves_room_for_the_prompt(count: int, last: str) -> None:
    session = Session()
    session.type("subscribe " + " ".join(f"ch{number}" for number in range(count)))
    lines = session.shell.toolbar(80).splitlines()
    assert len(lines) == MAX_TOOLBAR_LINES
    assert lines[-1].startswith(last)


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("", list(COMMANDS)),
        ("s", ["subscribe", "status"]),
        ("subscribe ", ["2BBB99"]),
        ("subscribe 2", ["2BBB99"]),
        ("subscribe  2BBB99 ", []),
        ("subscribe 9", []),
        ("unsubscribe ", ["1AAA99"]),
        ("status ", []),
    ],
)
def test_tab_offers_what_can_stand_there(text: str, offers: list[str]) -> None:
    session = Session("1AAA99", "2BBB99")
    session.type("subscribe 1AAA99")
    assert session.shell.completions(text) == offers
    shown = [one.text for one in _ShellCompleter(session.shell).get_completions(Document(text), CompleteEvent())]
    assert shown == offers


def test_an_id_that_was_typed_once_is_offered_again() -> None:
    session = Session()
    session.type("subscribe X")
    session.type("unsubscribe X")
    assert session.shell.completions("subscribe ") == ["X"]


def test_list_shows_what_is_live_and_offers_it() -> None:
    session = Session()
    live = {"id": "1AAA99", "title": "Bridge", "state": "live", "live_seconds": 200.0, "viewers": 1}
    session.shell._look_around = lambda: [live]
    assert session.type("list") == ["1AAA99  live 3m 20s  1 viewer  Bridge"]
    assert session.shell.completions("subscribe ") == ["1AAA99"]

    def fail() -> list[dict[str, object]]:
        raise ListError("no broker answers at http://127.0.0.1:8080")

    session.shell._look_around = fail
    assert session.type("list") == ["no broker answers at http://127.0.0.1:8080"]
