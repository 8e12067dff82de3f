"""Rows as texts: what Postgres reads is what was written, whatever signs are in it; what is no value is refused."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

import asyncpg
import pytest

from shared import columns
from shared.projection import Table
from shared.projection.trouble import DATA_ERRORS


class Row(NamedTuple):
    """A column of each type, and what may be missing."""

    id: str
    name: str | None
    number: int
    share: float
    yes: bool
    day: date | None
    at: datetime
    left: int | None


TABLE = Table("odd", Row, key=1)
AT = datetime(2023, 7, 28, 7, 0, 1, 250, tzinfo=timezone(timedelta(hours=7)))
PLAIN = Row("a", "An", 1, 0.5, True, date(2023, 7, 28), AT, 3)
SIGNS = [
    "",
    "a",
    ",",
    "{}",
    '"',
    "\\",
    "NULL",
    "None",
    "\\N",
    "\x1f",
    "\x1e",
    "\x1d\x1c",
    "\x1a\x1a",
    "Đông Sơn",
    "\n",
    "'",
]

Read = Callable[[Sequence[Row]], Awaitable[list[Row]]]


@pytest.fixture
async def read(database: Callable[..., Awaitable[str]]) -> Read:
    conn = await asyncpg.connect(await database())

    async def there_and_back(rows: Sequence[Any]) -> list[Row]:
        query = f"select * from unnest({columns.sql(TABLE.columns, 1)})"
        return [Row(*found.values()) for found in await conn.fetch(query, *columns.of_rows(TABLE.columns, rows))]

    return there_and_back


@pytest.mark.parametrize("text", SIGNS)
async def test_a_text_comes_back_alone_and_among_others(read: Read, text: str) -> None:
    alone, others = PLAIN._replace(id=text, name=text), [PLAIN._replace(id=sign, name=sign) for sign in SIGNS]

    assert await read([alone]) == [alone]
    assert await read([*others, alone, PLAIN]) == [*others, alone, PLAIN]


async def test_every_type_comes_back_with_its_extremes_and_without_what_may_be_missing(read: Read) -> None:
    chance = random.Random(7)
    rows = [
        PLAIN._replace(number=number, share=chance.random() * 10.0**number_of, yes=chance.random() < 0.5)
        for number_of, number in enumerate((0, -1, 2**63 - 1, -(2**63)), start=-3)
    ]
    rows += [
        PLAIN._replace(name=None, day=None, left=None),
        PLAIN._replace(day=date(1, 1, 1), at=datetime(1990, 1, 1, tzinfo=UTC), left=0),
        PLAIN._replace(day=date(9999, 12, 31), at=datetime(2100, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ]

    rows += [PLAIN._replace(number=True, left=False), PLAIN._replace(share=float("inf"))]

    assert await read(rows) == rows
    assert await read([PLAIN._replace(name=None)]) == [PLAIN._replace(name=None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None}, {"id": 7}, {"id": "\x00"}, {"id": "\ud800"}, {"name": "\x1a"}, {"number": "many"},
        {"number": 2**63}, {"number": 0.5}, {"yes": "maybe"}, {"day": "2023-07-28"},
    ],
)  # fmt: skip
async def test_what_is_no_value_of_its_column_is_a_data_error(read: Read, wrong: dict[str, Any]) -> None:
    with pytest.raises(DATA_ERRORS):
        await read([PLAIN, PLAIN._replace(**wrong)])
