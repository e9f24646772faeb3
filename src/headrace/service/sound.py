"""What converts sound, loaded when it is first needed: FFmpeg takes longer to load than a broker to start."""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from headrace.remux.access_unit import AccessUnit, Codec

if TYPE_CHECKING:
    from headrace.media.sound_converter import SoundConverter


async def make_converter(source: Codec, give: Callable[[Sequence[AccessUnit]], None]) -> "SoundConverter":
    """Return one, whose thread begins with the first frame.

    Args:
        source: AAC, of which it makes Opus, or Opus, of which it makes AAC.
        give: Is called in its thread with what was made.
    """
    module: Any = await asyncio.to_thread(import_module, "headrace.media.sound_converter")
    converter: SoundConverter = module.SoundConverter(source, give)
    return converter
