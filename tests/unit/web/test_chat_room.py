"""One channel's chat."""

import pytest

from headrace.store.chat_line import MAX_LINES, ChatRecord
from headrace.web import chat_room
from headrace.web.chat_room import MAX_MEMBERS_PER_HOST, MAX_WAITING, ChatRefusal, ChatRoom, Member


def person(name: str = "Anna", host: int = 1, role: str | None = None) -> Member:
    return Member(host, name, role)


def say(room: ChatRoom, member: Member, text: str = "hello", *, at_s: int = 0) -> ChatRefusal | None:
    return room.say(member, text, now_us=1_000_000 * at_s, unix_us=1_000_000 * at_s + 5)


def test_what_is_said_goes_to_everybody_and_who_said_it() -> None:
    room, woken = ChatRoom("A"), []
    anna, ben = person(), Member(2, "Ben", wake=lambda: woken.append("Ben"))
    room.enter(anna)
    room.enter(ben)
    assert say(room, anna, " <b>hi</b> ", at_s=7) is None
    line = {"type": "line", "id": 7_000_005, "unix_ms": 7000, "name": "Anna", "text": "<b>hi</b>", "role": None}
    assert list(anna.waiting) == list(ben.waiting) == [line]
    assert woken == ["Ben"]
    assert room.history()["lines"] == [{key: value for key, value in line.items() if key != "type"}]
    assert [one.text for one in room.unsaved] == ["<b>hi</b>"]


def test_numbers_of_lines_grow_where_a_clock_stands_still_or_runs_back() -> None:
    room, anna = ChatRoom("A", [ChatRecord(90, 0, "x", "y", None)]), person()
    room.enter(anna)
    for unix_us in (50, 50, 200):
        room.say(anna, "x", now_us=0, unix_us=unix_us)
    assert [line.line_id for line in room.lines] == [90, 91, 92, 200]


def test_who_has_no_name_or_says_nothing_is_told() -> None:
    room, nobody, anna = ChatRoom("A"), person(""), person()
    room.enter(nobody)
    room.enter(anna)
    assert say(room, nobody) == ChatRefusal("choose a name first", 0)
    assert say(room, anna, "\u202e \n") == ChatRefusal("there was nothing to read in that", 0)
    assert not room.lines


def test_a_line_that_is_too_long_is_told_and_not_cut() -> None:
    room, anna = ChatRoom("A"), person()
    room.enter(anna)
    assert say(room, anna, "x" * 501) == ChatRefusal("a line has at most 500 characters, and this was longer", 0)
    assert not room.lines
    assert say(room, anna, "x" * 500) is None


def test_who_is_too_fast_waits_and_operators_do_not() -> None:
    room, anna, operator = ChatRoom("A"), person(), person("Op", 2, "operator")
    room.enter(anna)
    room.enter(operator)
    said = [say(room, anna) for _ in range(6)]
    assert said[:5] == [None] * 5
    assert said[5] == ChatRefusal("too fast: wait a moment", 2)
    assert [say(room, operator) for _ in range(20)] == [None] * 20
    assert say(room, anna, at_s=1) is None


def test_all_of_one_host_share_what_a_host_may_say() -> None:
    room = ChatRoom("A")
    people = [person(f"n{number}", 9) for number in range(8)]
    for one in people:
        room.enter(one)
    said = [say(room, one) for one in people for _ in range(3)]
    assert said.count(None) == 15
    assert len(room.lines) == 15


def test_a_room_has_its_limit_whatever_the_hosts() -> None:
    room = ChatRoom("A")
    people = [person(f"n{number}", number) for number in range(30)]
    for one in people:
        room.enter(one)
    said = [say(room, one) for one in people for _ in range(4)]
    assert said.count(None) == 60


def test_who_is_muted_says_nothing_under_this_name_or_from_this_host() -> None:
    room, anna, other, ben = ChatRoom("A", muted=["Zoe"]), person(), person("Other", 1), person("Ben", 2)
    for one in (anna, other, ben):
        room.enter(one)
    say(room, anna)
    room.mute("Anna")
    assert say(room, anna) == say(room, other) == ChatRefusal("you have been muted in this channel")
    assert say(room, ben) is None
    ben.name = "Zoe"
    assert say(room, ben) is not None
    assert room.unmute("Anna")
    assert not room.unmute("Anna")
    assert say(room, other) is None
    room.mute("nobody who ever spoke")


def test_of_names_that_spoke_the_newest_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_room, "MAX_NAMES", 3)
    room = ChatRoom("A")
    names = ("Anna", "Ben", "Cleo", "Anna", "Dora")
    people = [person(name, 1 if name == "Anna" else number + 5) for number, name in enumerate(names)]
    for one in people:
        room.enter(one)
        say(room, one)
    assert len(room._host_of_name) == 3
    room.mute("Ben")
    room.mute("Anna")
    anna, other_anna, other_ben = people[0], person("Other", 1), person("Bern", 6)
    for one in (other_anna, other_ben):
        room.enter(one)
    assert say(room, anna) == say(room, other_anna) == ChatRefusal("you have been muted in this channel")
    assert say(room, other_ben) is None


def test_a_host_stays_muted_for_each_of_its_names_and_is_not_for_one_that_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, anna, other = ChatRoom("A"), person("Anna", 1), person("Other", 1)
    for one in (anna, other):
        room.enter(one)
        say(room, one)
    room.mute("Anna")
    room.mute("Other")
    room.unmute("Anna")
    assert say(room, person("Third", 1)) == ChatRefusal("you have been muted in this channel")
    monkeypatch.setattr(chat_room, "MAX_NAMES", 1)
    room.enter(ben := person("Ben", 2))
    say(room, ben)
    room.unmute("Other")
    assert say(room, other) is None


def test_a_line_that_is_removed_is_gone_for_who_is_there_and_who_comes() -> None:
    room, anna = ChatRoom("A"), person()
    room.enter(anna)
    say(room, anna)
    (line,) = room.lines
    anna.waiting.clear()
    assert room.remove(line.line_id)
    assert not room.remove(line.line_id)
    assert list(anna.waiting) == [{"type": "removed", "id": line.line_id}]
    assert room.history()["lines"] == room.unsaved == []


def test_who_does_not_take_what_is_said_is_lost_and_holds_nobody_up() -> None:
    room, slow, operator = ChatRoom("A"), person("Slow", 1), person("Op", 2, "operator")
    room.enter(slow)
    room.enter(operator)
    for _ in range(MAX_WAITING):
        say(room, operator)
        operator.waiting.clear()
    assert not slow.is_lost
    say(room, operator)
    assert slow.is_lost
    assert len(slow.waiting) == MAX_WAITING


def test_what_is_told_to_one_alone_waits_within_the_same_limit() -> None:
    woken: list[None] = []
    anna = Member(1, "Anna", wake=lambda: woken.append(None))
    for _ in range(MAX_WAITING):
        anna.tell({"type": "refused"})
    assert not anna.is_lost
    anna.tell({"type": "refused"})
    assert anna.is_lost
    assert (len(anna.waiting), len(woken)) == (MAX_WAITING, MAX_WAITING + 1)


def test_a_room_and_a_host_have_their_limits_and_who_leaves_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ChatRoom("A")
    people = [person() for _ in range(MAX_MEMBERS_PER_HOST + 1)]
    assert [room.enter(one) for one in people[:-1]] == [None] * MAX_MEMBERS_PER_HOST
    assert room.enter(people[-1]) is not None
    room.leave(people[0])
    room.leave(people[0])
    assert room.enter(people[-1]) is None
    monkeypatch.setattr(chat_room, "MAX_MEMBERS", MAX_MEMBERS_PER_HOST)
    assert room.enter(person("Ben", 2)) == ChatRefusal("the chat is full: try again later", 30)


def test_history_and_what_is_to_be_kept_have_the_newest_lines_alone() -> None:
    room, operator = ChatRoom("A"), person("Op", 1, "operator")
    room.enter(operator)
    for number in range(MAX_LINES + 5):
        say(room, operator, f"line {number}")
    assert len(room.history()["lines"]) == len(room.unsaved) == MAX_LINES
    assert room.lines[0].text == room.unsaved[0].text == "line 5"
