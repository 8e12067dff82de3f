"""A reform of one's own under /so/sap-xep/soan: merge, split, rename, move, promote; preview, choices, confirmation.

The address says what is done with which units; the form says the rest under the paths of the API's body, so that a
refusal of the API stands beside its field.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import execute_reform, preview_reform
from services.registry.draft_reform import WHOLE_MAP
from services.registry.preview_reform import ROLES
from services.registry.store import units as store
from services.registry.store.levels import all_levels
from services.registry.unit import Unit, home_id
from services.registry.unit_levels import exact
from services.registry.web import reforms, tree
from services.registry.web.own_reform_body import (
    EFFECTIVE,
    PARTS,
    Drawn,
    What,
    body_of,
    first_values,
    must_have_enough,
)
from services.registry.web.visit import Visit, Visiting, page_router
from shared import errors
from shared.auth import Caller
from shared.contracts.reform import Level
from shared.errors import Problem
from shared.http import ID_PATTERN
from shared.web.forms import Form, posted, typed_day

routes = page_router()
MOST = 600
"""Units to choose from on one page."""
UnitId = Annotated[str, Query(pattern=ID_PATTERN)]


class Asked(NamedTuple):
    """What the address says."""

    what: What | None
    within: str | None
    level: Level | None
    units: tuple[str, ...]


async def _asked(
    what: What | None = None,
    within: UnitId | None = None,
    level: Level | None = None,
    unit: Annotated[list[UnitId] | None, Query(max_length=MOST)] = None,
) -> Asked:
    return Asked(what, within, level, tuple(dict.fromkeys(unit or ())))


Asking = Annotated[Asked, Depends(_asked)]


@routes.get("/sap-xep/soan")
async def show_draft(visit: Visiting, asked: Asking) -> HTMLResponse:
    """First what and where, then which units, then the decision."""
    caller = visit.must_be(*ROLES)
    if asked.what is None or asked.within is None or asked.level is None:
        return await _start(visit, caller, asked)
    ground = await _map(visit, caller, visit.today)
    drawn = await _drawn(visit, asked.what, ground, asked.units)
    try:
        must_have_enough(drawn)
    except Problem as problem:
        return await _choice(visit, ground, asked, problem if asked.units else None)
    values = first_values(drawn, visit.today_typed, visit.service.new_id)
    return await _form(visit, ground, drawn, Form(values))


@routes.post("/sap-xep/soan")
async def take_draft(visit: Visiting, request: Request, asked: Asking) -> Response:
    """What the decision would do, its choices, and from the page that asks once more the reform itself."""
    caller, values = visit.must_send(*ROLES), await posted(request)
    what, step = asked.what or What.MERGE, values.get("step", "")
    ground = await _map(visit, caller, typed_day(values.get(EFFECTIVE, "")) or visit.today)
    try:
        drawn = await _drawn(visit, what, ground, asked.units)
    except Problem as problem:  # not on that day; the form can be put right where they are there today
        ground = await _map(visit, caller, visit.today)
        drawn = await _drawn(visit, what, ground, asked.units)
        return await _form(visit, ground, drawn, Form(values, _beside_the_day(problem)))
    try:
        must_have_enough(drawn)
        wanted = body_of(drawn, values)
        if step == "execute":
            done = await execute_reform.execute_reform(visit.service, wanted, caller)
            return visit.go(f"/so/sap-xep/{done.reform_id}?done=1")
        if step != "edit":
            return await _preview(visit, caller, drawn, values)
    except Problem as problem:
        if any(f.field.startswith("choices.") for f in problem.fields):
            return await _choices_again(visit, caller, drawn, Form(values, problem))
        return await _form(visit, ground, drawn, Form(values, None if step == "edit" else problem))
    return await _form(visit, ground, drawn, Form(values))


def _beside_the_day(problem: Problem) -> Problem:
    """The refusal of units that are not there on a day, said beside the day that was typed."""
    fields = tuple(f._replace(field=EFFECTIVE) for f in problem.fields)
    return Problem(problem.status, problem.slug, problem.detail, fields=fields)


async def _preview(visit: Visit, caller: Caller, drawn: Drawn, values: dict[str, str]) -> HTMLResponse:
    """What it would do; once its questions are answered, the page that asks once more."""
    found = await preview_reform.preview_reform(visit.service, body_of(drawn, values), caller)
    if (filled := reforms.with_the_rest(found.questions, values)) != values:
        values = filled
        found = await preview_reform.preview_reform(visit.service, body_of(drawn, values), caller)
    if values.get("step") == "choose":
        reforms.must_be_answered(found.questions)
        return await reforms.confirm_page(visit, found, Form(values), back=None)
    return await reforms.preview_page(
        visit, found, Form({**reforms.unanswered(found.questions), **values}), edition=None
    )


async def _choices_again(visit: Visit, caller: Caller, drawn: Drawn, form: Form) -> HTMLResponse:
    """The preview as it is without choices, and what is wrong with those that were made."""
    without = {name: value for name, value in form.values.items() if not name.startswith("choices.")}
    found = await preview_reform.preview_reform(visit.service, body_of(drawn, without), caller)
    again = Form({**reforms.unanswered(found.questions), **form.values}, form.problem)
    return await reforms.preview_page(visit, found, again, edition=None)


async def _map(visit: Visit, caller: Caller, day: date) -> list[Unit]:
    """The units of the day before that the caller may reorganise, and those above them."""
    before = day - timedelta(days=1) if day > date.min else day
    async with visit.service.pool.acquire() as conn:
        found = await store.map_of_day(conn, before, root=visit.service.province)
    if caller.has(*WHOLE_MAP):
        return found
    return [u for u in found if caller.covers((visit.service.province, *u.path))]


def _chosen(ground: list[Unit], unit_ids: tuple[str, ...]) -> list[Unit]:
    """The units that are meant. Raises 422 for one that there is not, or that is not the caller's."""
    by_id = {u.unit_id: u for u in ground}
    for unit_id in unit_ids:
        if unit_id not in by_id:
            raise errors.invalid(
                "unknown_unit",
                "unit",
                f"Không có đơn vị «{unit_id}» trong phạm vi của bạn vào ngày liền trước ngày sắp xếp.",
                f"There is no unit «{unit_id}» within your scope on the day before the reform.",
            )
    return [by_id[i] for i in unit_ids]


async def _drawn(visit: Visit, what: What, ground: list[Unit], unit_ids: tuple[str, ...]) -> Drawn:
    """What is to be done, with the units that may take over a part: those of the same level below the same parent."""
    units = _chosen(ground, unit_ids)
    beside = [u for u in ground if units and (exact(u), u.parent_id) == (exact(units[0]), units[0].parent_id)]
    async with visit.service.pool.acquire() as conn:
        levels = await all_levels(conn)
    return Drawn(what, units, sorted((u for u in beside if u not in units), key=tree.by_place), levels)


async def _start(visit: Visit, caller: Caller, asked: Asked) -> HTMLResponse:
    ground = await _map(visit, caller, visit.today)
    levels = [Level.COMMUNE, Level.VILLAGE, Level.DISTRICT] if caller.has(*WHOLE_MAP) else [Level.VILLAGE]
    values = {"what": asked.what or "merge", "within": asked.within or "", "level": asked.level or levels[0]}
    root = next((u for u in ground if u.level is Level.PROVINCE), None)
    return await visit.page(
        "reform_start.html",
        form=Form(values),
        choices=tree.grouped(ground),
        root=root,
        levels=[level for level in levels if any(u.level is level for u in ground)],
    )


async def _choice(visit: Visit, ground: list[Unit], asked: Asked, problem: Problem | None) -> HTMLResponse:
    """Which units, by the unit that they are in."""
    by_id = {u.unit_id: u for u in ground}
    some = [u for u in ground if u.level is asked.level and asked.within in (visit.service.province, *u.path[1:])]
    groups: dict[str | None, list[Unit]] = {}
    for unit in sorted(some, key=tree.by_place)[:MOST]:
        groups.setdefault(unit.parent_id, []).append(unit)
    named = [(by_id.get(parent or ""), below) for parent, below in groups.items()]
    return await visit.page(
        "reform_choice.html",
        status=problem.status if problem else 200,
        form=Form({"unit": ""}, problem),
        asked=asked,
        groups=sorted(named, key=lambda pair: tree.by_place(pair[0]) if pair[0] else (0, "", "")),
        too_many=len(some) > MOST,
    )


def _may_be_above(unit: Unit, drawn: Drawn) -> bool:
    """Whether the units may come to lie below this one; of villages only one of the same commune is offered."""
    if unit in drawn.units or drawn.levels.rank(unit) >= drawn.rank:
        return False
    if unit.level is Level.VILLAGE:
        return any(home_id(u) == home_id(unit) for u in drawn.units)
    return not (drawn.level is Level.VILLAGE and unit.level is Level.PROVINCE)


async def _form(visit: Visit, ground: list[Unit], drawn: Drawn, form: Form) -> HTMLResponse:
    above = [u for u in ground if _may_be_above(u, drawn)]
    known = {u.unit_id for u in above}
    missing = [u.parent_id for u in drawn.units if u.parent_id not in known]
    async with visit.service.pool.acquire() as conn:
        above += (await store.many_on_day(conn, {i for i in missing if i}, visit.today)).values()
    return await visit.page(
        "form_reform.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        others=await reforms.in_the_way(visit, form.problem),
        drawn=drawn,
        level=drawn.level,
        kinds=drawn.kinds,
        own=tree.own_words(drawn.levels, visit.lang),
        parents=[(u.unit_id, u.name) for u in sorted(above, key=lambda u: (drawn.levels.rank(u), tree.by_place(u)))],
        parts=range(PARTS if drawn.what is What.SPLIT else 1),
        there=[(u.unit_id, u.name) for u in drawn.there.values()],
    )
