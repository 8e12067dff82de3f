"""GET /units/{unit_id}/lineage: what became of a unit by a day, or what it was made of on one."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.read_units import UnitId, UnitView, states_of, view
from services.registry.store import lineage, units
from services.registry.store.lineage import Relative
from services.registry.unit import Unit
from shared.auth import ANYONE
from shared.clock import local_day
from shared.contracts.reform import Part
from shared.db import Conn
from shared.deps import Svc
from shared.http import Day, router, who

routes = router("units")


class RelativeView(UnitView):
    """A unit that follows another, or that another follows."""

    part: Part = Field(description="Whether all of the predecessor is in the successor.")
    reforms: list[str] = Field(description="The reforms on the way, oldest first.")
    since: date = Field(description="Effective day of the last of them.")


class Lineage(BaseModel):
    """What follows a unit and what it follows, seen from a day."""

    unit_id: str
    on: date
    unit: UnitView | None = Field(description="The unit itself, where it is in force on the day.")
    successors: list[RelativeView] = Field(description="Units of that day that have something of it.")
    predecessors: list[RelativeView] = Field(description="Units of that day of which it has something later.")


@routes.get("/units/{unit_id}/lineage", openapi_extra=who(ANYONE, "public"))
async def show_lineage(
    service: Svc,
    unit_id: UnitId,
    on: Annotated[Day | None, Query(description="Today unless said.", examples=["2025-07-01"])] = None,
) -> Lineage:
    """Follows a unit through any number of reforms to a day, forwards or backwards. Reversed reforms do not count."""
    day = on or local_day(service.clock())
    async with service.pool.acquire() as conn:
        await states_of(conn, unit_id)
        after = await lineage.successors(conn, unit_id, day)
        before = await lineage.predecessors(conn, unit_id, day)
        there = await units.many_on_day(conn, [unit_id, *(r.unit_id for r in (*after, *before))], day)
    own = there.get(unit_id)
    return Lineage(
        unit_id=unit_id,
        on=day,
        unit=view(own) if own else None,
        successors=_views(after, there),
        predecessors=_views(before, there),
    )


async def successors_on(conn: Conn, unit_id: str, day: date) -> list[Unit]:
    """The units of a day that have something of a unit."""
    after = await lineage.successors(conn, unit_id, day)
    there = await units.many_on_day(conn, [r.unit_id for r in after], day)
    return [there[r.unit_id] for r in after if r.unit_id in there]


def _views(relatives: list[Relative], there: dict[str, Unit]) -> list[RelativeView]:
    return [
        RelativeView(**view(there[r.unit_id]).model_dump(), part=r.part, reforms=list(r.reforms), since=r.since)
        for r in relatives
        if r.unit_id in there
    ]
