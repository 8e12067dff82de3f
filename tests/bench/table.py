"""What a run found, as a table: medians of n with the least and the most, each against its target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple


class Line(NamedTuple):
    """One row. `values` has one figure a run; a ratio's two sides come from the same run."""

    name: str
    what: str
    against: str
    bound: Literal["≥", "≤"]
    target: float
    unit: str
    values: Sequence[float]
    detail: str = ""
    """The absolute figures behind it: of this machine and this hour, not for comparison."""

    @property
    def median(self) -> float:
        """The middle figure."""
        return statistics.median(self.values)

    @property
    def reached(self) -> bool:
        """Whether the median is on the right side of the target."""
        return self.median >= self.target if self.bound == "≥" else self.median <= self.target


def figure(value: float, unit: str) -> str:
    """`43×`, `72 %`, `3.4 ms`: three figures at most."""
    text = f"{value:.0f}" if abs(value) >= 20 else f"{value:.1f}" if abs(value) >= 3 else f"{value:.2f}"
    return text + ("" if unit == "×" else " ") + unit


def render(lines: Sequence[Line]) -> str:
    """The table in Markdown."""
    head = "| row | what | against | target | median (min-max) of n | | figures of this run |"
    rows = [
        f"| {line.name} | {line.what} | {line.against} | {line.bound} {figure(line.target, line.unit)}"
        f" | **{figure(line.median, line.unit)}** ({figure(min(line.values), line.unit)} -"
        f" {figure(max(line.values), line.unit)}) of {len(line.values)}"
        f" | {'reached' if line.reached else 'BELOW'} | {line.detail} |"
        for line in lines
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def middle(values: Sequence[float]) -> str:
    """The median of absolute figures: `48.2 k` or `870`."""
    value = statistics.median(values)
    return f"{value / 1000:.1f} k" if value >= 10_000 else f"{value:.0f}"
