"""Encoded sound for tests."""

from tests.support.encoded_streams import encoded_stream, payloads_of

from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.ts_to_units import TsToUnits

ENCODERS = {Codec.AAC: "aac", Codec.OPUS: "libopus"}


def sounds(source: Codec, pictures: int = 50) -> list[AccessUnit]:
    """Return a tone as long as some pictures, of which there are 25 a second."""
    to_units = TsToUnits()
    ts = encoded_stream(pictures, video=None, audio=ENCODERS[source])
    return [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]
