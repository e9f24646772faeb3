"""Line charts as SVG: panels below each other, each with axes, ticks and a legend.

An axis is logarithmic where its values are positive and span so much that a linear one would hide the small ones;
else it is linear, the vertical one from 0 on.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 760
PANEL_HEIGHT: Final = 320
LOGARITHMIC_SPAN: Final = 30.0
"""Largest over smallest value from which on an axis is logarithmic."""
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Those of Okabe and Ito, which people with any colour vision can tell apart."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 20, 52, 46
_MARKED_POINTS: Final = 24
"""Lines of more points are drawn without a mark for each."""
_FONTS: Final = "system-ui, Arial, DejaVu Sans, sans-serif"
_LETTER_WIDTH: Final = 6.6
_TICKS: Final = 6


class Line(NamedTuple):
    """One line of a panel; where ``y`` is None it is interrupted."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines with common axes.

    Attributes:
        title: Above it.
        x_label: Quantity and unit.
        y_label: Quantity and unit.
        lines: At least one, each with at least one point.
        height: Pixels, with everything around it.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    height: int = PANEL_HEIGHT


@dataclass(frozen=True, slots=True)
class Axis:
    """How values become pixels.

    Attributes:
        low: Value at ``start``.
        high: Value at ``end``.
        start: Pixel.
        end: Pixel.
        is_logarithmic: Whether equal ratios are equally long, instead of equal differences.
    """

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool

    def pixel(self, value: float) -> float:
        """Return where a value is."""
        low, high, at = (math.log(one) if self.is_logarithmic else one for one in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Values that get a number: round ones."""
        return _decade_ticks(self.low, self.high) if self.is_logarithmic else _even_ticks(self.low, self.high)


def make_axis(values: Iterable[float], start: float, end: float, *, from_zero: bool) -> Axis:
    """Return an axis on which all of ``values`` have a place.

    Args:
        values: At least one.
        start: Pixel of its low end.
        end: Pixel of its high end.
        from_zero: Whether it begins with 0 if it is linear.
    """
    known = list(values)
    low, high = min(known), max(known)
    if low > 0 and high / low >= LOGARITHMIC_SPAN:
        return Axis(low / 1.15, high * 1.15, start, end, is_logarithmic=True)
    low = min(low, 0.0) if from_zero else low
    if high <= low:
        high = low + (abs(low) or 1.0)
    return Axis(low, high + 0.04 * (high - low), start, end, is_logarithmic=False)


def _even_ticks(low: float, high: float) -> list[float]:
    power = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _TICKS >= high - low)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decade_ticks(low: float, high: float) -> list[float]:
    factors = (1, 2, 5) if high / low < 3_000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for decade in decades for factor in factors if low <= (tick := factor * 10.0**decade) <= high]


def draw_chart(panels: Sequence[Panel]) -> str:
    """Return an SVG document."""
    height = sum(panel.height for panel in panels)
    body, top = [], 0
    for panel in panels:
        body.append(_draw_panel(panel, top))
        top += panel.height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="{_FONTS}" font-size="12" fill="#333">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *body, "</svg>"]) + "\n"


def _draw_panel(panel: Panel, top: int) -> str:
    base = top + panel.height - _BOTTOM
    x_axis = make_axis((x for line in panel.lines for x in line.x), _LEFT, WIDTH - _RIGHT, from_zero=False)
    known_y = (y for line in panel.lines for y in line.y if y is not None)
    y_axis = make_axis(known_y, base, top + _TOP, from_zero=True)
    parts = [
        _text(_LEFT, top + 18, panel.title, 'font-size="14" font-weight="600"'),
        *_draw_grid(x_axis, y_axis),
        _text((_LEFT + WIDTH - _RIGHT) / 2, base + 36, panel.x_label, 'text-anchor="middle"'),
        _turned_text(14, (base + top + _TOP) / 2, panel.y_label),
        *_draw_legend(panel.lines, top + 38),
    ]
    parts += [
        _draw_line(line, COLOURS[number % len(COLOURS)], x_axis, y_axis) for number, line in enumerate(panel.lines)
    ]
    return "\n".join(parts)


def _draw_grid(x_axis: Axis, y_axis: Axis) -> list[str]:
    left, right, base, top = x_axis.start, x_axis.end, y_axis.start, y_axis.end
    parts = []
    for tick in y_axis.ticks:
        y = y_axis.pixel(tick)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(_text(left - 8, y + 4, f"{tick:,g}", 'text-anchor="end"'))
    for tick in x_axis.ticks:
        x = x_axis.pixel(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{top}" stroke="#f0f0f0"/>')
        parts.append(_text(x, base + 18, f"{tick:,g}", 'text-anchor="middle"'))
    return [*parts, f'<line x1="{left}" y1="{base}" x2="{right}" y2="{base}" stroke="#888"/>']


def _draw_legend(lines: Sequence[Line], y: float) -> list[str]:
    if len(lines) == 1:
        return []
    parts, x = [], float(_LEFT)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<path d="M{x:.0f},{y - 4} h18" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(_text(x + 24, y, line.name))
        x += 44 + _LETTER_WIDTH * len(line.name)
    return parts


def _draw_line(line: Line, colour: str, x_axis: Axis, y_axis: Axis) -> str:
    points = [
        None if y is None else (x_axis.pixel(x), y_axis.pixel(y)) for x, y in zip(line.x, line.y, strict=True)
    ]
    parts = [
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in piece)}" fill="none" stroke="{colour}" '
        'stroke-width="2" stroke-linejoin="round"/>'
        for piece in _pieces(points)
    ]
    if len(points) <= _MARKED_POINTS:
        marked = (point for point in points if point is not None)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in marked]
    return "\n".join(parts)


def _pieces(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Return what lies between the gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'


def _turned_text(x: float, y: float, text: str) -> str:
    return _text(x, y, text, f'text-anchor="middle" transform="rotate(-90 {x:.1f} {y:.1f})"')
