"""What registry answers about units: the map of a day, a unit over time, everything that was ever said of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.registry.store import units
from services.registry.store.levels import all_levels
from services.registry.unit import Unit
from services.registry.unit_levels import exact
from shared import errors
from shared.auth import ANYONE, OFFICERS, Caller, Role
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Day, Id, Moment, Page, router, who
from shared.vietnamese import search_key
from shared.web.viewer import signed_in

routes = router("units")
UnitId = Annotated[str, Path(pattern=ID_PATTERN)]


class DayAsked(BaseModel):
    """A day, as far as was known at a moment."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    on: Day | None = Field(None, description="The day of the map; today unless said.", examples=["2023-07-28"])
    known: Moment | None = Field(None, description="As far as was known at this moment; now unless said.")


class MapAsked(DayAsked):
    """Which units of which map."""

    level: Id | None = Field(
        None,
        description="One of `province`, `district`, `commune`, `village`, with all that counts as it; or a level below"
        " the commune by its id.",
        examples=["commune"],
    )
    within: Id | None = Field(None, description="Only units below this one, at any depth.")
    name: str | None = Field(None, max_length=100, description="Words of the name, marks or none.")
    sort: Literal["id", "name"] = Field("id", description="By id, or by name as Vietnamese sorts.")
    after: Id | None = Field(None, description="`next` of the page before.")
    limit: int = Field(200, ge=1, le=500, description="Most items in the answer.")


class UnitView(BaseModel):
    """An administrative unit as it is on a day."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str = Field(description="What it counts as; below a commune always `village`.")
    level_id: str = Field(description="Its own level; see GET /registry/levels.")
    parent_id: str | None
    valid_from: date
    valid_to: date | None = Field(description="The first day on which this no longer holds; null while it holds.")


class StateView(UnitView):
    """A state of a unit, and what brought it."""

    edition: str = Field(description="The edition that brought it; empty where none did.")
    reform_id: str | None = Field(description="The reform that brought it.")


class UnitDetail(UnitView):
    """A unit on a day, with what is around it and how it was and will be."""

    above: list[UnitView] = Field(description="Everything above it, the topmost first.")
    children: list[UnitView] = Field(description="What is directly below it.")
    states: list[StateView] = Field(description="All its states over time, as they are known now.")


class KnownView(StateView):
    """A state, and when it was what was known."""

    known_from: datetime
    known_to: datetime | None = Field(description="Null: it is what is known now.")
    reason: str | None = Field(
        description="Why it was said instead of what had been, where it is a correction. In an officer's own words, so"
        " for officers and operators only; null for everybody else."
    )


class UnitHistory(BaseModel):
    """Everything that was ever said of a unit."""

    unit_id: str
    said: list[KnownView]


def view(of: Unit) -> UnitView:
    """A unit for readers."""
    return UnitView(**_said(of, UnitView))


def _said(of: Unit, shape: type[UnitView]) -> dict[str, Any]:
    return {k: v for k, v in of._asdict().items() if k in shape.model_fields} | {"level_id": exact(of)}


@routes.get("/units", openapi_extra=who(ANYONE, "public"))
async def list_units(service: Svc, asked: Annotated[MapAsked, Query()]) -> Page[UnitView]:
    """The map of a day, by id or by name: the province and everything below it, or what is below `within`."""
    day = asked.on or local_day(service.clock())
    name = search_key(asked.name) if asked.name else None
    choice = units.Choice(day, asked.known, service.province, asked.level, asked.within, name, asked.sort == "name")
    async with service.pool.acquire() as conn:
        await must_be_a_level(conn, asked.level)
        rows = await units.choose(conn, choice, after=asked.after or "", limit=asked.limit)
        total = await units.count_chosen(conn, choice)
    next_one = rows[-1].unit_id if len(rows) == asked.limit else None
    return Page(items=[view(r) for r in rows], total=total, next=next_one)


async def must_be_a_level(conn: Conn, level_id: str | None) -> None:
    """Raises 422 for a level that there is not."""
    if level_id is None or level_id in set(Level) or (levels := await all_levels(conn)).level(level_id):
        return
    known = ", ".join(level.level_id for level in levels.levels)
    raise errors.invalid(
        "unknown_level",
        "level",
        f"Không có cấp «{level_id}». Các cấp: {known}.",
        f"There is no level «{level_id}». Levels: {known}.",
    )


@routes.get("/units/{unit_id}", openapi_extra=who(ANYONE, "public"))
async def show_unit(service: Svc, unit_id: UnitId, asked: Annotated[DayAsked, Query()]) -> UnitDetail:
    """A unit on a day. Without a day: as it is today, or as it was last."""
    async with service.pool.acquire() as conn:
        states = await states_of(conn, unit_id, asked.known)
        day = asked.on or last_day(states, local_day(service.clock()))
        found = await units.on_day(conn, unit_id, day, known=asked.known)
        if found is None:
            raise not_in_force(states, day)
        above = await above_of(conn, found, day, known=asked.known)
        children = await units.children(conn, unit_id, day, known=asked.known)
    return UnitDetail(
        **view(found).model_dump(),
        above=[view(u) for u in above],
        children=[view(u) for u in children],
        states=[_state(s) for s in states],
    )


@routes.get("/units/{unit_id}/history", openapi_extra=who(ANYONE, "public; reasons of corrections: officers"))
async def show_history(request: Request, service: Svc, unit_id: UnitId) -> UnitHistory:
    """Everything that was ever said of a unit, in the order in which it became known; nothing is overwritten."""
    async with service.pool.acquire() as conn:
        said = await units.history(conn, unit_id)
    if not said:
        raise no_such_unit(unit_id)
    told = knows_why(signed_in(request, service.auth))
    views = [
        KnownView(
            **_state(k.unit).model_dump(),
            known_from=k.known_from,
            known_to=k.known_to,
            reason=k.reason if told else None,
        )
        for k in said
    ]
    return UnitHistory(unit_id=unit_id, said=views)


def knows_why(caller: Caller | None) -> bool:
    """Whether somebody reads why a unit was corrected: free text is for those who keep the record."""
    return caller is not None and caller.has(*OFFICERS, Role.OPERATOR)


async def states_of(conn: Conn, unit_id: str, known: datetime | None = None) -> list[Unit]:
    """A unit's states as they are known now; of one that was taken back, what was known of it, where that is asked
    for. Raises 404 where there are none."""
    states = await units.states(conn, unit_id)
    if states:
        return states
    said = await units.history(conn, unit_id)
    if not said:
        raise no_such_unit(unit_id)
    if known is None:
        raise taken_back(said[-1].unit)
    return [k.unit for k in said]


def last_day(states: list[Unit], today: date) -> date:
    """Today, for a unit in force; else its first or last day, whichever is nearer."""
    if any(s.holds_on(today) for s in states):
        return today
    past = [s for s in states if s.valid_from <= today]
    return past[-1].valid_from if past else states[0].valid_from


async def above_of(conn: Conn, of: Unit, day: date, *, known: datetime | None = None) -> list[Unit]:
    """Everything above a unit on a day, the topmost first."""
    found: list[Unit] = []
    parent_id = of.parent_id
    while parent_id and (parent := await units.on_day(conn, parent_id, day, known=known)):
        found.insert(0, parent)
        parent_id = parent.parent_id
    return found


def _state(of: Unit) -> StateView:
    return StateView(**_said(of, StateView))


def no_such_unit(unit_id: str) -> errors.Problem:
    """404: nobody has ever heard of it."""
    return errors.not_found(
        "no_such_unit",
        "unit_id",
        f"Không có đơn vị «{unit_id}». Tra cứu tại /registry/units/resolve.",
        f"There is no unit «{unit_id}». Look it up at /registry/units/resolve.",
    )


def taken_back(unit: Unit) -> errors.Problem:
    """404: a reform that was reversed had established it."""
    return errors.not_found(
        "taken_back",
        "unit_id",
        f"«{unit.name}» đã bị rút lại cùng quyết định lập ra nó. Xem /registry/units/{unit.unit_id}/history.",
        f"«{unit.name}» was taken back with the decision that made it. See /registry/units/{unit.unit_id}/history.",
    )


def not_in_force(states: list[Unit], day: date) -> errors.Problem:
    """404: there is such a unit, but not on that day."""
    first, last = states[0], states[-1]
    until = f" đến trước {last.valid_to:%d/%m/%Y}" if last.valid_to else ""
    before = f" until before {last.valid_to}" if last.valid_to else ""
    return errors.not_found(
        "not_in_force",
        "on",
        f"Ngày {day:%d/%m/%Y} không có «{last.name}»: đơn vị có từ {first.valid_from:%d/%m/%Y}{until}."
        f" Xem /registry/units/{last.unit_id}/lineage?on={day}.",
        f"There is no «{last.name}» on {day}: it is in force from {first.valid_from}{before}."
        f" See /registry/units/{last.unit_id}/lineage?on={day}.",
    )
