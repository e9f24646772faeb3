"""Charts: axes on which every value has a place, and documents that are well-formed."""

from xml.etree import ElementTree as ET

import pytest

from headrace.bench.chart import PANEL_HEIGHT, WIDTH, Line, Panel, draw_chart, make_axis

SVG = "{http://www.w3.org/2000/svg}"


def draw(*panels: Panel) -> ET.Element:
    return ET.fromstring(draw_chart(panels))


def texts(svg: ET.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def test_a_chart_has_its_words_its_lines_and_a_legend() -> None:
    lines = [Line("Headrace", (10, 20), (1.0, 2.0)), Line("a <loop> & more", (10, 20), (3.0, 4.0))]
    svg = draw(Panel("Cost", "subscribers", "cores", lines))
    assert {"Cost", "subscribers", "cores", "Headrace", "a <loop> & more"} <= set(texts(svg))
    assert len(list(svg.iter(f"{SVG}polyline"))) == 2
    assert len(list(svg.iter(f"{SVG}circle"))) == 4


def test_one_line_alone_needs_no_legend() -> None:
    assert "Headrace" not in texts(draw(Panel("Cost", "subscribers", "cores", [Line("Headrace", (1,), (1.0,))])))


def test_panels_lie_below_each_other() -> None:
    panel = Panel("Cost", "subscribers", "cores", [Line("Headrace", (1, 2), (1.0, 2.0))], height=200)
    svg = draw(panel, panel)
    assert svg.attrib["height"] == "400"
    first, second = (line.attrib["points"].split() for line in svg.iter(f"{SVG}polyline"))
    assert [float(point.split(",")[1]) + 200 for point in first] == [
        float(point.split(",")[1]) for point in second
    ]


def test_every_point_is_inside() -> None:
    line = Line("delays", [0.001 * 3**number for number in range(12)], [float(number) for number in range(12)])
    svg = draw(Panel("Latency", "ms", "%", [line]))
    (drawn,) = svg.iter(f"{SVG}polyline")
    for point in drawn.attrib["points"].split():
        x, y = map(float, point.split(","))
        assert 0 < x < WIDTH
        assert 0 < y < PANEL_HEIGHT


def test_a_gap_interrupts_a_line() -> None:
    line = Line("latency", range(6), (None, 1.0, 2.0, None, None, 3.0))
    svg = draw(Panel("Latency", "s", "ms", [line]))
    assert [len(piece.attrib["points"].split()) for piece in svg.iter(f"{SVG}polyline")] == [2, 1]


def test_many_points_are_not_marked() -> None:
    line = Line("delays", range(100), [float(number) for number in range(100)])
    assert not list(draw(Panel("Latency", "ms", "%", [line])).iter(f"{SVG}circle"))


def test_an_axis_is_logarithmic_only_where_values_span_much() -> None:
    assert make_axis((10, 1_000), 0, 100, from_zero=False).is_logarithmic
    assert not make_axis((10, 200), 0, 100, from_zero=False).is_logarithmic
    assert not make_axis((0, 1_000), 0, 100, from_zero=False).is_logarithmic


@pytest.mark.parametrize("values", [(0.0,), (5.0,), (5.0, 5.0), (-3.0, 3.0), (0.0, 1e-6), (1e6, 2e6), (1.0, 1e9)])
@pytest.mark.parametrize("from_zero", [True, False])
def test_every_value_and_every_tick_has_a_place(values: tuple[float, ...], from_zero: bool) -> None:
    axis = make_axis(values, 300, 20, from_zero=from_zero)
    assert 2 <= len(axis.ticks) <= 13
    for value in (*values, *axis.ticks):
        assert 19.99 <= axis.pixel(value) <= 300.01


def test_ticks_are_round() -> None:
    assert make_axis((0, 23), 0, 100, from_zero=True).ticks == [0, 5, 10, 15, 20]
    assert make_axis((10, 1_000), 0, 100, from_zero=False).ticks == [10, 20, 50, 100, 200, 500, 1_000]
    assert make_axis((1, 1e6), 0, 100, from_zero=False).ticks == [1, 10, 100, 1e3, 1e4, 1e5, 1e6]
