"""What somebody asks for."""

from headrace.access.ask import Ask, Verb


def test_the_verbs_are_the_modes_of_srt_s_access_control() -> None:
    assert [Verb("request"), Verb("publish")] == [Verb.REQUEST, Verb.PUBLISH]


def test_an_ask_does_not_show_its_credential() -> None:
    assert "hunter2" not in repr(Ask(Verb.PUBLISH, "cam1", "hunter2"))
