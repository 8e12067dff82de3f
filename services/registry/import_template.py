"""GET /imports/{kind}/template.xlsx: the form to fill, with what may be chosen in the caller's units."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.responses import Response

from services.registry.imports import form
from services.registry.imports.kinds import FORMS, Kind
from services.registry.store import organisations, units
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Day, allow, router, who
from shared.service import Service
from shared.vietnamese import sort_key

routes = router("imports")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"description": "A workbook.", "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}
"""What the document says of endpoints that answer with a workbook."""


async def _kind(kind: Annotated[str, Path(pattern=ID_PATTERN, examples=[Kind.TEAMS.value])]) -> Kind:
    if kind not in {k.value for k in Kind}:
        names = ", ".join(f"«{k.value}»" for k in Kind)
        raise errors.not_found(
            "no_such_form", "kind", f"Không có biểu mẫu «{kind}». Có: {names}.", f"There is no form «{kind}»: {names}."
        )
    return Kind(kind)


KindInPath = Annotated[Kind, Depends(_kind)]
"""Which form: teams-and-members, villages or organisations."""


@routes.get(
    "/imports/{kind}/template.xlsx",
    openapi_extra=who(OFFICERS, "lists the caller's units"),
    response_class=Response,
    responses=WORKBOOK,
)
async def download_template(
    service: Svc, caller: Annotated[Caller, allow(*OFFICERS)], kind: KindInPath, on: Day | None = None
) -> Response:
    """The empty form: drop-downs, a frozen head, instructions in both languages. `on`: the day of the units."""
    async with service.pool.acquire() as conn:
        choices = await choices_of(service, conn, caller, on or local_day(service.clock()))
    return await workbook(f"bieu-mau-{kind.value}.xlsx", lambda: form.template(FORMS[kind], choices))


async def workbook(file_name: str, make: Callable[[], bytes]) -> Response:
    """A workbook to be saved; made beside the loop, as a long one takes a second."""
    data = await asyncio.to_thread(make)
    headers = {"content-disposition": f'attachment; filename="{file_name}"', "cache-control": "no-store"}
    return Response(data, media_type=XLSX, headers=headers)


async def choices_of(service: Service, conn: Conn, caller: Caller, day: date) -> Mapping[str, Sequence[str]]:
    """Names of the caller's units and of organisations on a day, as the drop-downs show them."""
    known = {u.unit_id: u for u in await units.map_of_day(conn, day, root=service.province)}
    mine = [u for u in known.values() if caller.covers((service.province, *u.path))]
    named = [_label(u, known) for u in mine if u.level in (Level.COMMUNE, Level.DISTRICT)]
    found = [s for states in (await organisations.tree(conn)).values() for s in states]
    there = {s.name for s in found if s.valid_from <= day < s.valid_to}
    districts = {u.name for u in mine if u.level is Level.DISTRICT}
    above = {u.name for u in mine if u.level is Level.VILLAGE}
    chosen = {"unit": named, "district": districts, "organisation": there, "parent": there, "above": above}
    kinds = [k.word_vi for k in (await all_levels(conn)).kinds_counting_as(Level.VILLAGE)]
    return {"village_kind": kinds, **{column: sorted(names, key=sort_key) for column, names in chosen.items()}}


def _label(unit: Unit, known: Mapping[str, Unit]) -> str:
    above = known.get(unit.parent_id or "")
    return f"{unit.name} ({above.name})" if above and above.level is Level.DISTRICT else unit.name
