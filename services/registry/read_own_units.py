"""GET /own-units: whether the units of the caller's token are in force, and what follows those that are not."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from services.registry.read_lineage import successors_on
from services.registry.read_units import UnitView, view
from services.registry.store import reforms, units
from shared.auth import OFFICERS, Caller
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Svc
from shared.http import allow, router, who

routes = router("units")


class OwnUnit(BaseModel):
    """A unit that the token names."""

    unit_id: str
    unit: UnitView | None = Field(description="As it is today; null where it is not in force.")
    last_known: UnitView | None = Field(description="As it was at last; null where registry has never heard of it.")
    ended_on: date | None = Field(description="Where it is not in force any more: the first day without it.")
    successors: list[UnitView] = Field(
        description="Units of today that have something of it. The identity provider says which of them is whose: "
        "a reform gives nobody rights."
    )
    heirs: list[UnitView] = Field(description="Units of today that took over what was open at it.")


@routes.get("/own-units", openapi_extra=who(OFFICERS, "the units of the caller's token"))
async def show_own_units(service: Svc, caller: Annotated[Caller, allow(*OFFICERS)]) -> list[OwnUnit]:
    """What an officer asks after a reform: whether the own unit still is one, and what the token should name now."""
    today = local_day(service.clock())
    async with service.pool.acquire() as conn:
        return [await _own(conn, unit_id, today) for unit_id in caller.units]


async def _own(conn: Conn, unit_id: str, today: date) -> OwnUnit:
    states = await units.states(conn, unit_id)
    now = next((s for s in states if s.holds_on(today)), None)
    past = [s for s in states if s.valid_to and s.valid_to <= today]
    last = past[-1] if past and now is None else None
    if last is None or last.valid_to is None:
        known = now or (states[-1] if states else None)
        return _told(unit_id, view(now) if now else None, view(known) if known else None, None, [], [])
    heirs = await units.many_on_day(conn, await reforms.heirs_of(conn, unit_id, last.valid_to), today)
    after = [view(u) for u in await successors_on(conn, unit_id, today)]
    return _told(unit_id, None, view(last), last.valid_to, after, [view(u) for u in heirs.values()])


def _told(
    unit_id: str, unit: UnitView | None, last: UnitView | None, ended_on: date | None, successors: list[UnitView],
    heirs: list[UnitView],
) -> OwnUnit:  # fmt: skip
    return OwnUnit(unit_id=unit_id, unit=unit, last_known=last, ended_on=ended_on, successors=successors, heirs=heirs)
