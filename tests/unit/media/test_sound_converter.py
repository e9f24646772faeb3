"""Sound converted in a thread of its own."""

import subprocess
import sys
import threading
import time

import pytest
from tests.support.sounds import sounds

from headrace.media import sound_converter
from headrace.media.sound_converter import SoundConverter
from headrace.remux.access_unit import AccessUnit, Codec


def test_a_converter_works_in_a_thread_of_its_own_and_ends_when_told() -> None:
    made: list[AccessUnit] = []
    threads: set[str] = set()

    def give(units: object) -> None:
        made.extend(units)  # type: ignore[arg-type]
        threads.add(threading.current_thread().name)

    converter = SoundConverter(Codec.AAC, give)
    units = sounds(Codec.AAC, 25)
    for unit in units:
        converter.feed(unit)
    end = time.monotonic() + 20
    while len(made) < 45 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(made) >= 45
    assert threads == {"sound"}
    assert converter._thread is not None
    converter.close()
    converter._thread.join(10)
    assert not converter._thread.is_alive()


def test_what_cannot_be_decoded_is_left_out_and_the_rest_goes_on() -> None:
    made: list[AccessUnit] = []
    converter = SoundConverter(Codec.AAC, made.extend)
    units = sounds(Codec.AAC, 25)
    bad = AccessUnit(Codec.AAC, 90_000, 90_000, [units[0].data[0][:7] + b"\xff" * 40])
    for unit in [bad, *units]:
        converter.feed(unit)
    end = time.monotonic() + 20
    while len(made) < 40 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(made) >= 40
    converter.close()


def test_one_that_was_never_fed_has_no_thread_and_one_that_stalls_leaves_sound_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sound_converter, "MAX_WAITING_UNITS", 3)
    released = threading.Event()
    SoundConverter(Codec.AAC, lambda _: None).close()

    def stall(_units: object) -> None:
        released.wait(20)

    converter = SoundConverter(Codec.AAC, stall)
    for unit in sounds(Codec.AAC, 25):
        converter.feed(unit)
    assert converter.left_out_units > 10
    released.set()
    converter.close()


def test_ffmpeg_is_not_loaded_before() -> None:
    code = (
        "import sys, headrace.service.rtc_service; from headrace.media.sound_converter import SoundConverter; "
        "SoundConverter('aac', print); print('av' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
