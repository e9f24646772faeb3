"""``make bench``: what subscribers cost, what a broker adds to a packet's way, how joining goes."""

import sys

from bench.added_latency import LatencyPlan, measure_added_latency, print_added_latency
from bench.first_frame import JoinPlan, encode_group, measure_first_frames, print_first_frames
from bench.join_storm import measure_join_storm, print_join_storm


def main() -> None:
    """Run all, or those that are named."""
    wanted = sys.argv[1:] or ["added_latency", "first_frame", "join_storm"]
    if "added_latency" in wanted:
        print_added_latency(measure_added_latency(LatencyPlan()))
        print()
    if "first_frame" in wanted:
        units = encode_group()
        print_first_frames(*(measure_first_frames(seconds, units, JoinPlan()) for seconds in (10, 0)))
        print()
    if "join_storm" in wanted:
        print_join_storm(measure_join_storm())


if __name__ == "__main__":
    main()
