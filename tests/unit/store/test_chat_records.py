"""What was said in the chats of channels."""

from sqlalchemy import text

from headrace.access.channel_rule import ChannelRule
from headrace.store.chat_line import MAX_LINES, ChatRecord
from headrace.store.database import Database
from headrace.store.state_store import StateStore


def line(number: int, said: str = "hello") -> ChatRecord:
    return ChatRecord(number, 1000 * number, "Anna", said, None)


def test_lines_come_back_as_they_were_said(store: StateStore) -> None:
    said = [line(1, "<b>markup</b>"), ChatRecord(2, 5, "Ängström", "x" * 500, "producer")]
    store.chat.keep("A", said)
    store.chat.keep("B", [line(1)])
    assert store.chat.lines("A") == said
    assert store.chat.lines("nothing") == []


def test_of_many_lines_the_newest_are_kept_and_of_other_channels_all(
    store: StateStore, database: Database
) -> None:
    store.chat.keep("B", [line(1)])
    store.chat.keep("A", [line(number) for number in range(1, MAX_LINES + 1)])
    assert len(store.chat.lines("A")) == MAX_LINES
    store.chat.keep("A", [line(MAX_LINES + 1)])
    kept = store.chat.lines("A")
    assert (len(kept), kept[0].line_id, kept[-1].line_id) == (MAX_LINES, 2, MAX_LINES + 1)
    assert store.chat.lines("B") == [line(1)]
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM headrace_chat_lines")).scalar_one() == MAX_LINES + 1


def test_a_line_is_removed_once(store: StateStore) -> None:
    store.chat.keep("A", [line(1), line(2)])
    store.chat.remove("A", 1)
    store.chat.remove("A", 1)
    store.chat.remove("B", 2)
    assert store.chat.lines("A") == [line(2)]


def test_names_are_muted_in_their_channel_alone(store: StateStore) -> None:
    for name in ("Zoe", "Anna", "Anna"):
        store.chat.set_muted("A", name, is_muted=True)
    assert store.chat.muted("A") == ["Anna", "Zoe"]
    assert store.chat.muted("B") == []
    store.chat.set_muted("A", "Anna", is_muted=False)
    store.chat.set_muted("A", "nobody", is_muted=False)
    assert store.chat.muted("A") == ["Zoe"]


def test_what_is_said_gives_brokers_nothing_to_read_again(store: StateStore) -> None:
    before = store.revision()
    store.chat.keep("A", [line(1)])
    store.chat.set_muted("A", "Anna", is_muted=True)
    store.chat.remove("A", 1)
    store.chat.keep("A", [])
    assert store.revision() == before


def test_the_chat_goes_where_its_channel_goes(store: StateStore) -> None:
    store.channels.add(ChannelRule("A"))
    store.chat.keep("A", [line(1)])
    store.chat.keep("B", [line(2)])
    store.chat.set_muted("A", "Anna", is_muted=True)
    store.channels.rename("A", "B")
    assert (store.chat.lines("A"), store.chat.muted("A")) == ([], [])
    assert (store.chat.lines("B"), store.chat.muted("B")) == ([line(1)], ["Anna"])
    store.channels.remove("B")
    assert (store.chat.lines("B"), store.chat.muted("B")) == ([], [])
