"""``python -m bench``: how long a first picture takes, and how a thousand subscribers join at once."""

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


if __name__ == "__main__":
    main()
