"""Geometry of the server-made charts: numbers in, coordinates out. The macros in `ui/chart.html` draw them.

Colours are classes, never coordinates, so a chart follows skin and dark mode. Values may be negative except in a donut.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

Number: TypeAlias = int | float | Decimal

_SIZES: Final = {"wide": (1040.0, 260.0), "medium": (540.0, 230.0), "narrow": (340.0, 220.0)}
"""Units are CSS pixels: the page shows the size nearest to its room, so that text keeps its size."""
_TOP: Final = 20.0
_BOTTOM: Final = 26.0
_END: Final = 12.0
_START: Final = 52.0
_TICKS: Final = 4
_LABEL_WIDTH: Final = 56.0
_LETTER: Final = 6.4
_RADIUS: Final = 40.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line: its value as people write it, and its place from the top."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A label below the chart."""

    label: str
    x: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `value` is what the macro formats."""

    label: str
    value: Number
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Dot:
    """One point of a line."""

    label: str
    value: Number
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its path in SVG's language and its points."""

    name: str
    path: str
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn area, with bars or lines."""

    width: float
    height: float
    left: float
    right: float
    baseline: float
    ticks: Sequence[Tick]
    labels: Sequence[AxisLabel]
    bars: Sequence[Bar] = ()
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a donut, as dash length and offset on a circle of radius 40."""

    label: str
    value: Number
    percent: float
    length: float
    offset: float


@dataclass(frozen=True, slots=True)
class Donut:
    """The whole ring."""

    circumference: float
    total: Number
    slices: Sequence[Slice]


def bar_geometry(points: Sequence[tuple[str, Number]], *, size: str = "medium") -> Plot:
    """Vertical bars from a zero line."""
    width, height = _SIZES[size]
    scale = _Scale([float(value) for _, value in points], height)
    step = (width - _START - _END) / max(len(points), 1)
    thickness = min(step * 0.64, 48.0)
    bars: list[Bar] = []
    for index, (label, value) in enumerate(points):
        top = scale.y(float(value))
        start = _START + step * index + (step - thickness) / 2
        bars.append(Bar(label, value, *_rounded(start, min(top, scale.zero), thickness, abs(scale.zero - top))))
    centers = [AxisLabel(label, _round(_START + step * (index + 0.5))) for index, (label, _) in enumerate(points)]
    return Plot(
        width, height, _START, width - _END, _round(scale.zero), scale.ticks(), _thinned(centers, step), bars=bars
    )


def line_geometry(
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Number]]],
    *,
    size: str = "medium",
    from_zero: bool = True,
) -> Plot:
    """One line for each series over the same labels.

    `from_zero=False` lets small moves of large values be seen: the axis begins near the lowest one.
    """
    width, height = _SIZES[size]
    scale = _Scale([float(value) for _, values in series for value in values], height, from_zero=from_zero)
    step = (width - _START - _END - 16) / max(len(labels) - 1, 1)
    places = [_round(_START + 8 + step * index) for index in range(len(labels))]
    lines: list[Line] = []
    for name, values in series:
        dots = [
            Dot(label, value, x, _round(scale.y(float(value))))
            for label, value, x in zip(labels, values, places, strict=True)
        ]
        path = " ".join(f"{'L' if index else 'M'}{dot.x} {dot.y}" for index, dot in enumerate(dots))
        lines.append(Line(name, path, dots))
    axis = [
        AxisLabel(label, x)
        for label, x in zip(labels, places, strict=True)
        if x + len(label) * _LETTER / 2 <= width  # what would be cut off is not written
    ]
    return Plot(
        width, height, _START, width - _END, _round(scale.base), scale.ticks(), _thinned(axis, step), lines=lines
    )


def donut_geometry(points: Sequence[tuple[str, Number]]) -> Donut:
    """Shares of a whole; parts of zero or less are listed without an arc."""
    circumference = 2 * math.pi * _RADIUS
    total = sum((max(float(value), 0.0) for _, value in points), 0.0)
    slices: list[Slice] = []
    start = 0.0
    for label, value in points:
        share = max(float(value), 0.0) / total if total else 0.0
        slices.append(
            Slice(label, value, round(share * 100, 1), _round(share * circumference), _round(-start * circumference))
        )
        start += share
    whole = sum((value for _, value in points), start=type(points[0][1])(0)) if points else 0
    return Donut(_round(circumference), whole, slices)


class _Scale:
    """Values to places from the top, on round ticks that include zero, unless it is told not to."""

    def __init__(self, values: Sequence[float], height: float, *, from_zero: bool = True) -> None:
        shown = [*values, 0.0] if from_zero or not values else values
        high, low = max(shown), min(shown)
        self._step = _nice_step((high - low or abs(high) or 1.0) / _TICKS)
        self._low = math.floor(low / self._step) * self._step
        self._high = math.ceil(high / self._step) * self._step
        if self._high == self._low:
            self._high += self._step
        self._inner = height - _TOP - _BOTTOM
        self.zero = self.y(0.0)
        self.base = self.zero if from_zero else self.y(self._low)  # where the axis is drawn

    def y(self, value: float) -> float:
        return _TOP + self._inner * (self._high - value) / (self._high - self._low)

    def ticks(self) -> list[Tick]:
        count = round((self._high - self._low) / self._step)
        values = [self._low + self._step * index for index in range(count + 1)]
        return [Tick(_short(value, self._step), _round(self.y(value))) for value in values]


def _nice_step(raw: float) -> float:
    magnitude: float = 10.0 ** math.floor(math.log10(raw))
    return next((factor * magnitude for factor in (1, 2, 2.5, 5) if factor * magnitude >= raw), 10 * magnitude)


def _short(value: float, step: float) -> str:
    """1 250 000 as `1.25M`: a tick needs to be read at a glance, the table below has every digit."""
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit and step >= limit / 1000:
            return f"{value / limit:.4g}{suffix}"
    return f"{value:.6g}"


def _thinned(labels: Sequence[AxisLabel], step: float) -> list[AxisLabel]:
    """Only as many labels as fit beside each other."""
    widest = max((len(label.label) for label in labels), default=0) * _LETTER + 10
    every = max(1, math.ceil(max(_LABEL_WIDTH, widest) / step)) if step else 1
    return [label for index, label in enumerate(labels) if index % every == 0]


def _rounded(*values: float) -> tuple[float, ...]:
    return tuple(_round(value) for value in values)


def _round(value: float) -> float:
    return round(value, 1)
