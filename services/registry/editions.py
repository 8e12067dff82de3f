"""The editions that this release carries: whole maps of a day, and how each came from the one before."""

from __future__ import annotations

import csv
from pathlib import Path

from services.registry import unit
from services.registry.unit import Unit
from shared import errors

DATA = Path(__file__).parent / "data"


def bundled() -> list[str]:
    """Editions that this release carries, oldest first."""
    return sorted(f.parent.name for f in DATA.glob("*/units.csv"))


def units(edition: str) -> list[Unit]:
    """The whole map of an edition, parents before children. Raises 404 for one that is not bundled."""
    with _file(edition, "units.csv").open(encoding="utf-8", newline="") as rows:
        return unit.read_edition(csv.DictReader(rows), edition)


def _file(edition: str, name: str) -> Path:
    file = DATA / edition / name
    if not file.is_file():
        raise errors.not_found(
            "no_such_edition",
            "edition",
            f"Không có bản đồ hành chính «{edition}». Các bản có sẵn: {', '.join(bundled())}.",
            f"There is no edition «{edition}». Bundled: {', '.join(bundled())}.",
        )
    return file
