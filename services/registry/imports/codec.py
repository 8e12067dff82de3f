"""Lines and remarks as JSON, for the table in which they wait."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from services.registry.imports.line import Candidate, Line, Outcome, Remark, Verdict
from shared.errors import Text
from shared.sheets.book import Value

_TIMES: dict[str, type[datetime | date | time]] = {"datetime": datetime, "date": date, "time": time}


def dump_cells(line: Line) -> str:
    """The cells of a line; days are told apart from text."""
    return json.dumps({k: _encoded(v) for k, v in line.cells.items()}, ensure_ascii=False)


def dump_remarks(remarks: Sequence[Remark]) -> str:
    """Remarks as a list."""
    return json.dumps([[r.column, *r.text, r.refuses, r.candidates] for r in remarks], ensure_ascii=False)


def load_remarks(text: str) -> tuple[Remark, ...]:
    """What `dump_remarks` wrote."""
    return tuple(
        Remark(column, Text(vi, en), refuses, tuple(Candidate(*c) for c in candidates))
        for column, vi, en, refuses, candidates in json.loads(text)
    )


def load_line(number: int, cells: str, given: str) -> Line:
    """A line as it waits."""
    values = {k: _decoded(v) for k, v in json.loads(cells).items()}
    return Line(number, values, load_remarks(given) if given != "[]" else ())


def load_verdict(number: int, outcome: str, remarks: str) -> Verdict:
    """What was said of a line."""
    return Verdict(number, Outcome(outcome), load_remarks(remarks))


def _encoded(value: Value) -> Any:
    return [type(value).__name__, value.isoformat()] if isinstance(value, date | time) else value


def _decoded(value: Any) -> Value:
    found: Value = _TIMES[value[0]].fromisoformat(value[1]) if isinstance(value, list) else value
    return found
