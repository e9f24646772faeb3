"""One line of a chat."""

from headrace.store.chat_line import MAX_LINES, ChatRecord


def test_a_line_is_a_value() -> None:
    assert ChatRecord(1, 2, "a", "b", None) == ChatRecord(1, 2, "a", "b", None)
    assert MAX_LINES == 200
