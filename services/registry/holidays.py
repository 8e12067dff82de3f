"""Days off of public offices beyond weekends, and weekend days worked in exchange, 2023 to 2026."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "data" / "holidays.csv"


class Holidays(NamedTuple):
    """Days off that are no weekend, and weekend days that are worked."""

    off: frozenset[date]
    worked: frozenset[date]


@cache
def public_holidays() -> Holidays:
    """What the bundled file lists."""
    with FILE.open(encoding="utf-8", newline="") as rows:
        listed = [(date.fromisoformat(row["day"]), row["kind"]) for row in csv.DictReader(rows)]
    return Holidays(
        frozenset(day for day, kind in listed if kind == "off"),
        frozenset(day for day, kind in listed if kind == "worked"),
    )
