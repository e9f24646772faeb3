"""Windows of a load that nobody has to wait for."""

from headrace.bench.load import LoadCounts, Window


def window(cores: float, *, missing: int = 0, duplicates: int = 0, recovered: int = 0) -> Window:
    """Return a window in which 1,000 packets were due, on a quiet machine."""
    return Window(cores, 0.0, 0.1, 0.0, LoadCounts(1000, 1000 - missing, duplicates, recovered, 0, 0))
