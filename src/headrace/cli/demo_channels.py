"""What the demo's three producers send."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headrace.base.errors import HeadraceError

PRESET: Final = "ultrafast"
"""Half the work of `headrace produce`'s own: the browser that plays them has the same machine."""


class NoSamplesError(HeadraceError):
    """There is no folder of samples."""


@dataclass(frozen=True, slots=True)
class DemoChannel:
    """One of the demo's producers.

    Attributes:
        channel_id: What it produces.
        what: For people.
        arguments: Of ``headrace produce``, without the id.
    """

    channel_id: str
    what: str
    arguments: tuple[str, ...]


def demo_channels(samples: Path) -> tuple[DemoChannel, ...]:
    """Return the three channels, of which two are made from the files in ``samples``."""
    folders = ("--frames", f"{samples / 'frames'}", "--audio", f"{samples / 'audio'}", "--rate", "10")
    pattern = ("--test", "--size", "640x360", "--bitrate", "1000")
    clip = ("--file", f"{samples / 'clip.mp4'}")
    speed = ("--preset", PRESET)
    return (
        DemoChannel("1AAA99", "frames and audio", (*folders, "--loop", *speed, "--title", "Frames and MP3")),
        DemoChannel("2BBB99", "video file", (*clip, "--loop", *speed, "--title", "A video file")),
        DemoChannel("3CCC99", "test pattern", (*pattern, *speed, "--title", "Test pattern")),
    )


def find_samples(given: Path | None) -> Path:
    """Return the samples folder: the one given, in the current folder, or in the checkout that runs.

    Raises:
        NoSamplesError: It is not there.
    """
    checkout = Path(__file__).parents[3]
    places = [given] if given is not None else [Path("samples"), checkout / "samples"]
    for place in places:
        if (place / "clip.mp4").is_file() and (place / "frames").is_dir() and (place / "audio").is_dir():
            return place
    raise NoSamplesError(
        f"no samples in {' or '.join(str(place.absolute()) for place in places)}: "
        "run it in a checkout of Headrace, or give --samples DIR with frames/, audio/ and clip.mp4"
    )
