import io
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from headrace.cli.sources import SourceChoice, SourceChoiceError, open_stream
from headrace.media.encoder import EncoderSettings
from headrace.media.errors import MediaError
from headrace.media.live_stream import LiveStream
from headrace.media.pass_through import PassThrough

NAMES = ("FILE", "FRAMES", "AUDIO", "INPUT")
SMALL = EncoderSettings(width=160, height=120, preset="ultrafast")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def open_choice(choice: SourceChoice) -> LiveStream | PassThrough:
    return open_stream(choice, SMALL, rate=Fraction(10), title=None, facts={}, loop=False)


def test_the_environment_chooses_where_no_flag_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SourceChoice().completed() == SourceChoice()
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert SourceChoice().completed() == SourceChoice()
    monkeypatch.setenv("FRAMES", "frames")
    monkeypatch.setenv("AUDIO", "audio")
    assert SourceChoice().completed() == SourceChoice(frames=Path("frames"), audio=Path("audio"))


@pytest.mark.parametrize(
    "choice",
    [
        SourceChoice(test=True),
        SourceChoice(stdin=True),
        SourceChoice(input="x"),
        SourceChoice(frames=Path("mine")),
    ],
)
def test_a_flag_wins_over_every_name_in_the_environment(
    choice: SourceChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "from the environment")
    assert choice.completed() == choice


@pytest.mark.parametrize(
    "choice",
    [
        SourceChoice(file=Path("f"), test=True),
        SourceChoice(stdin=True, test=True),
        SourceChoice(frames=Path("d"), input="x"),
    ],
)
def test_two_sources_are_one_too_many(choice: SourceChoice) -> None:
    with pytest.raises(SourceChoiceError, match="choose one source"):
        choice.completed()


def test_two_sources_of_the_environment_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILE", "f")
    monkeypatch.setenv("INPUT", "x")
    with pytest.raises(SourceChoiceError, match="choose one source"):
        SourceChoice().completed()


def test_sound_goes_with_frames() -> None:
    with pytest.raises(SourceChoiceError, match="--audio goes with --frames DIR"):
        SourceChoice(audio=Path("a")).completed()
    with pytest.raises(SourceChoiceError, match="--audio goes with --frames DIR"):
        SourceChoice(audio=Path("a"), file=Path("f")).completed()


def test_nothing_chosen_is_a_test_pattern_of_the_size_and_rate_asked_for() -> None:
    stream = open_choice(SourceChoice())
    assert isinstance(stream, LiveStream)
    assert (stream.width, stream.height) == (160, 120)
    first = next(iter(stream))
    assert first[:1] == b"\x47"


def test_standard_input_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    stream = open_choice(SourceChoice(stdin=True))
    assert isinstance(stream, PassThrough)
    assert list(stream) == []


def test_a_terminal_is_no_source_of_video(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(b""))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(SourceChoiceError, match="pipe it in"):
        open_choice(SourceChoice(stdin=True))


@pytest.mark.parametrize("choice", [SourceChoice(file=Path("none.mp4")), SourceChoice(frames=Path("none"))])
def test_a_source_that_is_not_there_says_so(choice: SourceChoice) -> None:
    with pytest.raises(MediaError, match="there is no"):
        open_choice(choice)
