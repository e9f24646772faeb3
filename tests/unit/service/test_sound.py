"""What converts sound, loaded when it is first needed."""

import asyncio
import subprocess
import sys

from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.loops import until

from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.ts_to_units import TsToUnits
from headrace.service.sound import make_converter


def test_a_converter_gives_what_it_makes() -> None:
    async def test() -> None:
        made: list[AccessUnit] = []
        converter = await make_converter(Codec.AAC, made.extend)
        to_units = TsToUnits()
        for payload in payloads_of(encoded_stream(25, video=None)):
            for unit in to_units.feed(payload):
                converter.feed(unit)
        await until(lambda: len(made) > 30)
        assert {unit.codec for unit in made} == {Codec.OPUS}
        converter.close()

    asyncio.run(test())


def test_ffmpeg_is_not_loaded_before() -> None:
    code = "import sys, headrace.service.rtc_service; print('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
