"""``make bench``: what a packet costs to send, and what a broker with 300 subscribers costs to run."""

import socket
import sys
import tempfile
from pathlib import Path

from bench.fanout_load import LoadPlan, measure_fanout_load, print_fanout_load
from bench.send_cost import measure_send_cost, print_send_cost


def main() -> None:
    """Run both, or the one that is named."""
    wanted = sys.argv[1:] or ["send_cost", "fanout_load"]
    if "send_cost" in wanted:
        print_send_cost(measure_send_cost())
        print()
    if "fanout_load" in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            print_fanout_load(measure_fanout_load(_free_port(), Path(scratch), LoadPlan()))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port: int = udp.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
