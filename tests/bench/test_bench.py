"""The bench runs as a whole and prints every row. No figure is judged here: a busy machine must not fail a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.__main__ import NAMES, measure
from tests.bench.row_http import percentile
from tests.bench.row_streams import QUICK, growth, last_to_first
from tests.bench.table import Line, figure, render


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_row_is_measured_and_printed(tmp_path: Path) -> None:
    machine, lines = await measure(tmp_path, QUICK, 1, [])

    assert [line.name for line in lines] == list(NAMES)
    assert all(value > 0 for line in lines for value in line.values)
    assert "Postgres 18" in machine
    assert len(render(lines).splitlines()) == 2 + len(NAMES)
    assert list(tmp_path.glob("bench-*")) == [], "the servers' data was left behind"


def test_a_row_says_median_span_and_whether_its_target_is_reached() -> None:
    at_least = Line("relay", "relay", "peer", "≥", 20, "×", [43.0, 12.0, 31.0])
    at_most = Line("latency", "wait", "-", "≤", 100, "ms", [101.0, 120.0, 3.4])

    assert (at_least.median, at_least.reached) == (31.0, True)
    assert (at_most.median, at_most.reached) == (101.0, False)
    assert "| ≥ 20× | **31×** (12.0× - 43×) of 3 | reached |" in render([at_least])
    assert "| ≤ 100 ms | **101 ms** (3.4 ms - 120 ms) of 3 | BELOW |" in render([at_most])
    assert [figure(v, "s") for v in (43.21, 4.321, 0.4321)] == ["43 s", "4.3 s", "0.43 s"]


def test_fifths_compare_the_end_with_the_beginning() -> None:
    even: dict[str, Any] = {
        "count": 100,
        "marks": [(float(n), 10 * n) for n in range(1, 11)],
        "memory": [(0.0, 90.0)] * 10,
    }
    slower = {**even, "marks": [*even["marks"][:-1], (12.0, 100)], "memory": [(0.0, 90.0)] * 8 + [(0.0, 99.0)] * 2}

    assert (last_to_first(even), growth(even)) == (1.0, 1.0)
    assert last_to_first(slower) == 2.0
    assert growth(slower) == pytest.approx(1.1)


def test_a_percentile_is_the_value_that_so_many_do_not_exceed() -> None:
    assert percentile([float(n) for n in range(1, 101)], 99) == 100.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
