"""``python -m bench``: how long a first picture takes, and how a thousand subscribers join at once.

``python -m bench glass_to_glass`` tells how old a picture is when Chromium shows it.
"""

import sys

from bench.first_frame import JoinPlan, encode_group, measure_first_frames, print_first_frames
from bench.join_storm import measure_join_storm, print_join_storm


def main() -> None:
    """Run all, or those that are named."""
    wanted = sys.argv[1:] or ["first_frame", "join_storm"]
    if "first_frame" in wanted:
        units = encode_group()
        print_first_frames(*(measure_first_frames(seconds, units, JoinPlan()) for seconds in (10, 0)))
        print()
    if "join_storm" in wanted:
        print_join_storm(measure_join_storm())
    if "glass_to_glass" in wanted:
        # It drives a browser with what the tests have, which the others do without.
        from bench.glass_to_glass import (  # noqa: PLC0415
            FFMPEG_SOUNDS_AT_ONCE,
            GlassPlan,
            measure_glass_to_glass,
            print_glass_to_glass,
        )

        plans = GlassPlan(0), GlassPlan(has_opus=True), GlassPlan(), GlassPlan(FFMPEG_SOUNDS_AT_ONCE)
        print_glass_to_glass(*map(measure_glass_to_glass, plans))


if __name__ == "__main__":
    main()
