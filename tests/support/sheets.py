"""Workbooks as districts send them, made for tests."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import httpx
import xlsxwriter

from services.registry.imports.kinds import FORMS, Kind
from tests.support.world import ok

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEAM: Mapping[str, Any] = {
    "team_name": "Tổ công nghệ số cộng đồng Mộ Đức", "level": "Cấp xã", "unit": "Thị trấn Mộ Đức",
    "decision_number": "12/QĐ-UBND", "decision_date": "1/7/2023", "formed_on": "03/7/2023",
}  # fmt: skip
"""The columns of a team that is good as it is."""


def made(draw: Callable[[Any], object]) -> bytes:
    """A workbook that `draw` fills."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    draw(book)
    book.close()
    return buffer.getvalue()


def rows(table: Sequence[Sequence[Any]], *, name: str = "Danh sách") -> bytes:
    """A workbook of one sheet; days as real days, all else as text or numbers."""

    def draw(book: Any) -> None:
        sheet, day = book.add_worksheet(name), book.add_format({"num_format": "dd/mm/yyyy"})
        for at, row in enumerate(table):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(at, column, value, day)
                elif isinstance(value, str):
                    sheet.write_string(at, column, value)
                elif value is not None:
                    sheet.write_number(at, column, value)

    return made(draw)


def filled(
    lines: Sequence[Mapping[str, Any]], kind: Kind = Kind.TEAMS, *, above: Sequence[Sequence[Any]] = ()
) -> bytes:
    """The form of a kind with these lines, each cell by the key of its column; rows of a title above the head."""
    columns = FORMS[kind].columns
    head = [c.title.vi for c in columns]
    return rows([*above, head, *([line.get(c.key) for c in columns] for line in lines)])


async def upload(
    officer: httpx.AsyncClient, data: bytes, kind: str = Kind.TEAMS.value, **params: str
) -> dict[str, Any]:
    """Uploads a workbook and waits until it is checked or has failed."""
    path, headers = f"/registry/imports/{kind}", {"content-type": XLSX}
    taken = await ok(officer.post(path, content=data, headers=headers, params=params), 202)
    while taken["state"] in {"waiting", "reading", "checking"}:
        await asyncio.sleep(0.02)
        taken = await ok(officer.get(f"/registry/imports/{taken['import_id']}"))
    return taken


async def commit(
    officer: httpx.AsyncClient, import_id: str, mode: str = "all_or_nothing", **more: Any
) -> dict[str, Any]:
    """Writes an upload."""
    return await ok(officer.post(f"/registry/imports/{import_id}/commit", json={"mode": mode, **more}))


async def lines(officer: httpx.AsyncClient, import_id: str, **params: Any) -> list[dict[str, Any]]:
    """The lines of an upload with what is said of them."""
    page = await ok(officer.get(f"/registry/imports/{import_id}/rows", params={"limit": 500, **params}))
    items: list[dict[str, Any]] = page["items"]
    return items
