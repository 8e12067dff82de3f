"""GET /so/don-vi: the map of a day as a tree; GET /so/don-vi/{unit_id}: one unit through time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, NamedTuple

from fastapi import Path, Query
from starlette.responses import HTMLResponse

from services.registry.draft_reform import WHOLE_MAP
from services.registry.read_units import above_of, knows_why
from services.registry.store import pages, reforms
from services.registry.store import units as store
from services.registry.store.levels import all_levels
from services.registry.store.reforms import Reform
from services.registry.unit import Unit
from services.registry.web import lineage, tree
from services.registry.web.hits import found_by
from services.registry.web.lineage import Changed
from services.registry.web.visit import Visit, Visiting, page_router
from shared import errors
from shared.auth import OFFICERS, Role
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.db import Conn
from shared.http import ID_PATTERN
from shared.web.forms import typed_day

routes = page_router()
_ONE_DAY = timedelta(days=1)


class Corrected(NamedTuple):
    """A correction of a unit: the day on which it was made, what is said since, and why."""

    day: date
    said: Unit
    reason: str


@routes.get("/don-vi")
async def show_map(
    visit: Visiting,
    on: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    opened: Annotated[str, Query(alias="open", max_length=5)] = "",
) -> HTMLResponse:
    """The units of a day with their teams, or what is found by a name on that day."""
    day, wanted = visit.day(), q.strip()
    async with visit.service.pool.acquire() as conn:
        units = await store.map_of_day(conn, day, root=visit.service.province)
        strengths = await pages.strength(conn, day)
        days = await pages.map_days(conn, visit.service.province)
        stops = tree.stops(days, await pages.first_team_day(conn))
        at = tree.nearest(days, day)
        changes = await _changes(conn, days[at]) if at and not wanted else []
        levels = await all_levels(conn)
    return await visit.page(
        "units.html",
        day=day,
        on=None if day == visit.today else day,
        bad_day=on if on and typed_day(on) is None else None,
        days=days,
        stops=stops,
        at=at,
        since=days[at] if days else None,
        until=days[at + 1] - _ONE_DAY if at + 1 < len(days) else None,
        root=tree.grow(units, strengths),
        wanted=wanted,
        found=await found_by(visit, wanted) if wanted else None,
        levels=tree.counts(units, levels),
        own=tree.own_words(levels, visit.lang),
        opened=bool(opened),
        shows_members=_sees_members(visit),
        changes=changes,
    )


async def _changes(conn: Conn, day: date) -> list[Changed]:
    """What the reforms of a day did."""
    found = [await reforms.reform(conn, reform_id) for reform_id in await pages.reforms_of_day(conn, day)]
    return [await what_changed(conn, reform) for reform in found if reform]


async def what_changed(conn: Conn, reform: Reform) -> Changed:
    """What a reform did, in units as they were called."""
    lines = await reforms.transitions(conn, reform.reform_id)
    before = await store.many_on_day(conn, {i.predecessor_id for i in lines}, reform.effective_on - _ONE_DAY)
    after = await store.many_on_day(conn, {i.successor_id for i in lines}, reform.effective_on)
    return lineage.changed(reform, lines, before, after)


@routes.get("/don-vi/{unit_id}")
async def show_unit(visit: Visiting, unit_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> HTMLResponse:
    """A unit as it was on a day, with its states and its lineage."""
    day = visit.day()
    async with visit.service.pool.acquire() as conn:
        states = await store.states(conn, unit_id)
        if not states:
            raise errors.not_found("no_such_unit", "unit_id", f"Không có đơn vị «{unit_id}».", f"No unit «{unit_id}».")
        below = await store.map_of_day(conn, day, root=unit_id)
        strengths = await pages.strength(conn, day)
        lines = await pages.lineage(conn, unit_id)
        earlier, later = await _of_lines(conn, lines)
        parents = await _parents(conn, states)
        titles = await pages.reform_titles(conn, [s.reform_id for s in states if s.reform_id])
        unit = next((s for s in states if s.holds_on(day)), states[0] if day < states[0].valid_from else states[-1])
        path = await above_of(conn, unit, day)
        levels = await all_levels(conn)
        corrections = await _corrections(conn, unit_id) if knows_why(visit.caller) else []
    node = tree.grow(below, strengths)
    return await visit.page(
        "unit.html",
        unit=unit,
        day=day,
        on=None if day == visit.today else day,
        holds=unit.holds_on(day),
        ended=states[-1].valid_to,
        last_day=unit.valid_to - _ONE_DAY if unit.valid_to else None,
        last_days={s.valid_from: s.valid_to - _ONE_DAY for s in states if s.valid_to},
        states=states,
        parents=parents,
        titles=titles,
        corrections=corrections,
        path_above=path,
        own=tree.own_words(levels, visit.lang),
        before=lineage.steps(lines, unit_id, earlier, forward=False),
        after=lineage.steps(lines, unit_id, later, forward=True),
        node=node,
        strength=node.strength if node else tree.NONE,
        shows_members=_sees_members(visit),
        may_list=_sees_members(visit),
        may_reform=_may_reform(visit, unit),
        may_form=visit.caller is not None and visit.caller.has(*OFFICERS) and visit.caller.covers(_path(visit, unit)),
    )


async def _corrections(conn: Conn, unit_id: str) -> list[Corrected]:
    said = await store.history(conn, unit_id)
    return [Corrected(local_day(k.known_from), k.unit, k.reason) for k in said if k.reason]


def _may_reform(visit: Visit, unit: Unit) -> bool:
    """Whether to offer it; the reform itself asks again."""
    if visit.caller is None or unit.parent_id is None:
        return False
    return visit.caller.has(*WHOLE_MAP) or (unit.level is Level.VILLAGE and visit.caller.has(*OFFICERS))


def _path(visit: Visit, unit: Unit) -> tuple[str, ...]:
    return (visit.service.province, *unit.path)


_Units = dict[tuple[str, date], Unit]


async def _of_lines(conn: Conn, lines: Sequence[pages.Line]) -> tuple[_Units, _Units]:
    """The predecessors of these lines as on the day before, and the successors as on the day; by id and day."""
    earlier: _Units = {}
    later: _Units = {}
    for day in sorted({i.effective_on for i in lines}):
        mine = [i for i in lines if i.effective_on == day]
        before = await store.many_on_day(conn, {i.predecessor_id for i in mine}, day - _ONE_DAY)
        after = await store.many_on_day(conn, {i.successor_id for i in mine}, day)
        earlier |= {(i, day): u for i, u in before.items()}
        later |= {(i, day): u for i, u in after.items()}
    return earlier, later


async def _parents(conn: Conn, states: Sequence[Unit]) -> dict[tuple[str, date], Unit]:
    """The unit above each state, as it was called when the state began."""
    found = {}
    for state in states:
        if state.parent_id and (above := await store.on_day(conn, state.parent_id, state.valid_from)):
            found[state.parent_id, state.valid_from] = above
    return found


def _sees_members(visit: Visit) -> bool:
    """How many people are on teams is for those who work with them."""
    return visit.caller is not None and visit.caller.has(*OFFICERS, Role.OPERATOR)
