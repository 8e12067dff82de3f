"""Many rows in one statement: as columns, each an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Columns = list[list[Any]]


def unnest(types: Sequence[str], rows: Iterable[Sequence[Any]], *, after: int = 0) -> tuple[str, Columns]:
    """`unnest($1::text[], …)` of rows of these types, and its values; `after` so many other values."""
    numbered = ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, after + 1))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in types]
    return f"unnest({numbered})", columns
