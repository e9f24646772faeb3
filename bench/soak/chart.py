"""A picture of the soak: memory and latency over time, as SVG."""

from collections.abc import Sequence
from typing import Final

from bench.soak.reading import Reading

WIDTH: Final = 900
PANEL_HEIGHT: Final = 120
MARGIN: Final = 30


def draw_chart(readings: Sequence[Reading]) -> str:
    """Return an SVG document with a panel for each quantity."""
    at_seconds = [reading.at_seconds for reading in readings]
    panels: list[tuple[str, list[float | None]]] = [
        ("resident memory, MiB", [reading.rss_bytes / 2**20 for reading in readings]),
        ("latency p50, ms", [_ms(reading.latency_p50_us) for reading in readings]),
        ("latency p99, ms", [_ms(reading.latency_p99_us) for reading in readings]),
        ("processor, % of a core", [100 * reading.core_share for reading in readings]),
    ]
    body = [_panel(number, name, at_seconds, values) for number, (name, values) in enumerate(panels)]
    height = len(panels) * (PANEL_HEIGHT + MARGIN) + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-size="12">'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, background, *body, "</svg>"]) + "\n"


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / 1000


def _panel(number: int, name: str, at_seconds: Sequence[float], values: Sequence[float | None]) -> str:
    top = MARGIN + number * (PANEL_HEIGHT + MARGIN)
    known = [(at, value) for at, value in zip(at_seconds, values, strict=True) if value is not None]
    most = max((value for _, value in known), default=0) or 1
    width = (WIDTH - 2 * MARGIN) / max(at_seconds)
    points = " ".join(
        f"{MARGIN + at * width:.1f},{top + PANEL_HEIGHT * (1 - value / most):.1f}" for at, value in known
    )
    base = top + PANEL_HEIGHT
    return (
        f'<text x="{MARGIN}" y="{top - 8}">{name}, 0 to {most:.2f}, over {max(at_seconds) / 60:.1f} min</text>\n'
        f'<line x1="{MARGIN}" y1="{base}" x2="{WIDTH - MARGIN}" y2="{base}" stroke="#999"/>\n'
        f'<polyline points="{points}" fill="none" stroke="#06c" stroke-width="1.5"/>'
    )
