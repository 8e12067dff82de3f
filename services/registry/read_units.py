"""What registry answers about units: the map of a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from services.registry.store import units
from services.registry.unit import Unit
from shared.auth import ANYONE
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.deps import Svc
from shared.http import Day, Id, Moment, Page, router, who
from shared.vietnamese import search_key

routes = router("units")


class MapAsked(BaseModel):
    """Which units of which map."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    on: Day | None = Field(None, description="The day of the map; today unless said.", examples=["2023-07-28"])
    known: Moment | None = Field(None, description="As far as was known at this moment; now unless said.")
    level: Level | None = None
    within: Id | None = Field(None, description="Only units below this one, at any depth.")
    name: str | None = Field(
        None, max_length=100, description="Words of the name, marks or none."
    )
    after: Id | None = Field(None, description="`next` of the page before.")
    limit: int = Field(200, ge=1, le=500, description="Most items in the answer.")


class UnitView(BaseModel):
    """An administrative unit as it is on a day."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    valid_from: date
    valid_to: date | None = Field(description="The first day on which this no longer holds; null while it holds.")


def view(of: Unit) -> UnitView:
    """A unit for readers."""
    return UnitView(**{k: v for k, v in of._asdict().items() if k in UnitView.model_fields})


@routes.get("/units", openapi_extra=who(ANYONE, "public"))
async def list_units(service: Svc, asked: Annotated[MapAsked, Query()]) -> Page[UnitView]:
    """The map of a day, by id: the province and everything below it, or what is below `within`."""
    day = asked.on or local_day(service.clock())
    name = search_key(asked.name) if asked.name else None
    choice = units.Choice(day, asked.known, service.province, asked.level, asked.within, name)
    async with service.pool.acquire() as conn:
        rows = await units.choose(conn, choice, after=asked.after or "", limit=asked.limit)
        total = await units.count_chosen(conn, choice)
    next_one = rows[-1].unit_id if len(rows) == asked.limit else None
    return Page(items=[view(r) for r in rows], total=total, next=next_one)
