from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themes.charts import bar_geometry, donut_geometry, line_geometry

values = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=5), st.integers(-(10**12), 10**12)), min_size=1, max_size=40
)


@given(values, st.sampled_from(["wide", "medium", "narrow"]))
def test_bars_stay_inside_the_plot(points, size):
    plot = bar_geometry(points, size=size)
    assert len(plot.bars) == len(points)
    for bar in plot.bars:
        assert plot.left - 0.1 <= bar.x <= bar.x + bar.width <= plot.right + 0.2
        assert 0 <= bar.y <= bar.y + bar.height <= plot.height


@given(values)
def test_zero_is_always_a_tick(points):
    plot = bar_geometry(points)
    assert any(tick.y == pytest.approx(plot.baseline, abs=0.11) for tick in plot.ticks)
    assert 2 <= len(plot.ticks) <= 8


def test_bar_above_zero_ends_on_the_base_line_and_bar_below_starts_there():
    plot = bar_geometry([("Jan", Decimal("120.50")), ("Feb", -80)])
    assert plot.bars[0].y + plot.bars[0].height == pytest.approx(plot.baseline, abs=0.11)
    assert plot.bars[1].y == pytest.approx(plot.baseline, abs=0.11)


def test_large_values_are_shortened_on_the_axis():
    assert [tick.label for tick in bar_geometry([("a", 1_240_500)]).ticks] == ["0", "500k", "1M", "1.5M"]


def test_labels_are_thinned_where_they_would_overlap():
    points = [(str(number), number) for number in range(40)]
    assert len(bar_geometry(points, size="narrow").labels) < len(bar_geometry(points, size="wide").labels) < 40


def test_line_has_a_point_for_every_label():
    plot = line_geometry(["Jan", "Feb", "Mar"], [("New", [1, 2, 3]), ("Canceled", [3, 2, 0])])
    assert [line.name for line in plot.lines] == ["New", "Canceled"]
    assert plot.lines[0].path.count("L") == 2
    assert plot.lines[0].dots[0].y > plot.lines[0].dots[2].y


@given(st.lists(st.decimals("0.0001", "2000", places=4), min_size=1, max_size=60))
def test_a_line_that_does_not_begin_at_zero_stays_inside_and_uses_its_room(moves):
    plot = line_geometry([str(value) for value in moves], [("Rate", moves)], from_zero=False)
    places = [dot.y for dot in plot.lines[0].dots]
    assert all(20 - 0.1 <= y <= plot.baseline + 0.1 for y in places)
    if len(set(moves)) > 1:
        assert max(places) - min(places) > (plot.baseline - 20) / 5


def test_labels_of_a_year_of_weeks_neither_overlap_nor_leave_the_plot():
    plot = line_geometry(["22 Nov 2026"] * 53, [("Rate", list(range(53)))], size="wide")
    places = [label.x for label in plot.labels]
    assert min(right - left for left, right in pairwise(places)) >= 11 * 6
    assert places[-1] + 11 * 6 / 2 <= plot.width


def test_line_refuses_series_of_another_length():
    with pytest.raises(ValueError, match="zip"):
        line_geometry(["Jan", "Feb"], [("New", [1])])


def test_charts_of_nothing_are_empty_and_do_not_fail():
    assert bar_geometry([]).bars == []
    assert line_geometry([], []).lines == []
    assert donut_geometry([]).slices == []
    assert bar_geometry([("a", 0)]).ticks[0].label == "0"


def test_shares_of_a_donut_add_up():
    donut = donut_geometry([("a", 1), ("b", 2), ("c", 1), ("d", 0)])
    assert [item.percent for item in donut.slices] == [25.0, 50.0, 25.0, 0.0]
    assert sum(item.length for item in donut.slices) == pytest.approx(donut.circumference, abs=0.2)
    assert donut.total == 4
