"""Pages of reforms under /so/sap-xep: what was done, what a decision would do, its choices, and doing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import Path
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import draft_reversal, editions, execute_reform, preview_reform
from services.registry.editions import Decision
from services.registry.preview_reform import Named, Preview, QuestionLine
from services.registry.reform_body import EDITION, ReformBody
from services.registry.store import pages, reform_links, reforms, units
from services.registry.store.reforms import Reform, Summary
from services.registry.unit import Unit
from services.registry.web import lineage
from services.registry.web.lineage import Changed
from services.registry.web.own_reform_body import chosen
from services.registry.web.units import what_changed
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Role
from shared.clock import local_day
from shared.contracts.reform import Change
from shared.db import Conn
from shared.errors import FieldError, Problem, Text
from shared.http import ID_PATTERN
from shared.web.forms import Form, posted, refused

routes = page_router()
READERS = (*OFFICERS, Role.OPERATOR)
MANY = 5
"""From so many questions about one unit on, one answer for the rest of them is offered."""
DOERS = (Role.PROVINCE_OFFICER, Role.OPERATOR)
EditionName = Annotated[str, Path(pattern=EDITION)]
ReformId = Annotated[str, Path(pattern=ID_PATTERN)]


class Ready(NamedTuple):
    """A bundled decision that was not carried out yet."""

    edition: str
    decision: Decision
    after: Decision | None
    """The one that has to be carried out before."""


@routes.get("/sap-xep")
async def show_reforms(visit: Visiting) -> HTMLResponse:
    """What was reorganised, and the decisions that are ready."""
    caller = visit.must_be(*READERS)
    async with visit.service.pool.acquire() as conn:
        done = await reforms.reforms(conn, after="", limit=500)
        loaded = await units.editions(conn)
    ready = [Ready(e, editions.decision(e), _first(e, loaded)) for e in editions.bundled()[1:] if e not in loaded]
    done.sort(key=lambda r: (r.effective_on, r.recorded_at), reverse=True)
    return await visit.page("reforms.html", done=done, ready=ready, may_do=caller.has(*DOERS))


@routes.get("/sap-xep/thu/{edition}")
async def show_preview(visit: Visiting, edition: EditionName) -> HTMLResponse:
    """What a bundled decision would do as things are now."""
    caller = visit.must_be(*DOERS)
    values = {"reform_id": await _free_id(visit, edition)}
    try:
        preview = await preview_reform.preview_reform(visit.service, _body(edition, values), caller)
    except Problem as problem:
        return await _in_the_way(visit, edition, problem)
    return await preview_page(visit, preview, Form({**values, **unanswered(preview.questions)}), edition=edition)


@routes.post("/sap-xep/thu/{edition}")
async def take_preview(visit: Visiting, edition: EditionName, request: Request) -> Response:
    """First the choices, then, from the page that asks once more, the reform itself."""
    caller, values = visit.must_send(*DOERS), await posted(request)
    open_body = _body(edition, {"reform_id": values.get("reform_id", "")})
    if await _is_done(visit, values.get("reform_id") or edition):
        return visit.go(f"/so/sap-xep/{values.get('reform_id') or edition}")  # sent twice
    try:
        preview = await preview_reform.preview_reform(visit.service, _body(edition, values), caller)
        if (filled := with_the_rest(preview.questions, values)) != values:
            values = filled
            preview = await preview_reform.preview_reform(visit.service, _body(edition, values), caller)
        must_be_answered(preview.questions)
        if values.get("step") != "execute":
            back = f"/so/sap-xep/thu/{edition}"
            return await confirm_page(visit, preview, Form(values), back=back)
        done = await execute_reform.execute_reform(visit.service, _body(edition, values), caller)
    except Problem as problem:
        if problem.slug == editions.EARLIER_FIRST:
            return await _in_the_way(visit, edition, problem)
        try:
            preview = await preview_reform.preview_reform(visit.service, open_body, caller)
        except Problem as still:
            return await _in_the_way(visit, edition, still)
        form = Form({**unanswered(preview.questions), **values}, problem)
        return await preview_page(visit, preview, form, edition=edition)
    return visit.go(f"/so/sap-xep/{done.reform_id}?done=1")


@routes.get("/sap-xep/{reform_id}")
async def show_reform(visit: Visiting, reform_id: ReformId) -> HTMLResponse:
    """What a reform did."""
    caller = visit.must_be(*READERS)
    reform, facts = await told(visit, reform_id)
    async with visit.service.pool.acquire() as conn:
        same = await reform_links.again(conn, reform)
    return await visit.page(
        "reform.html",
        reform=reform,
        now=next((r for r in same if is_again(reform, r)), None),
        before=[(r, local_day(r.reversed_at)) for r in same if r.reversed_at and is_again(r, reform)],
        changes=[facts["changed"]],
        moves=facts["moves"],
        names=facts["names"],
        done=visit.asked("done") and reform.reversed_at is None,
        reversed_on=local_day(reform.reversed_at) if reform.reversed_at else None,
        may_reverse=caller.has(*DOERS) and reform.reversed_at is None,
    )


def is_again(taken_back: Reform | Summary, other: Reform | Summary) -> bool:
    """Whether `other` is in force in place of one that was taken back before it was carried out."""
    then = taken_back.reversed_at
    return then is not None and other.reversed_at is None and then <= other.recorded_at


async def confirm_page(visit: Visit, preview: Preview, form: Form, *, back: str | None) -> HTMLResponse:
    """Asks once more; before its effective day there is nothing to confirm yet."""
    due = preview.effective_on <= visit.today
    return await visit.page("reform_confirm.html", form=form, preview=preview, back=back, may_execute=due)


async def preview_page(visit: Visit, preview: Preview, form: Form, *, edition: str | None) -> HTMLResponse:
    """What a decision would do, with its questions; `edition` of a bundled one."""
    return await visit.page(
        "reform_preview.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        kept={n: v for n, v in form.values.items() if n != "step" and not n.startswith(("choices.", "rest."))},
        common=common_of(preview.questions),
        preview=preview,
        edition=edition,
        made=made_of(preview),
    )


def common_of(questions: Iterable[QuestionLine]) -> list[tuple[Named, list[Named]]]:
    """Units of which so much is asked that one answer for all of it helps, with the answers that there are."""
    asked: dict[str, list[QuestionLine]] = {}
    for question in questions:
        asked.setdefault(question.unit.unit_id, []).append(question)
    many = [some for some in asked.values() if len(some) >= MANY]
    return [(some[0].unit, some[0].candidates) for some in many]


def with_the_rest(questions: Iterable[QuestionLine], values: Mapping[str, str]) -> dict[str, str]:
    """The choices, and for each question that is open the common one of its unit, where it is one of its candidates."""
    found = dict(values)
    for question in questions:
        rest = values.get(f"rest.{question.unit.unit_id}", "")
        if rest in {c.unit_id for c in question.candidates}:
            found[question.field] = rest
    return found


def made_of(preview: Preview) -> list[tuple[str, list[tuple[str, bool, bool]]]]:
    """Successors by name, each with its predecessors, whether they are in it whole, and whether they are another unit
    of the same name; in the order of the preview."""
    found: dict[str, tuple[str, list[tuple[str, bool, bool]]]] = {}
    for line in preview.transitions:
        old, new = line.predecessor, line.successor
        _, origins = found.setdefault(new.unit_id, (new.name, []))
        origins.append((old.name, line.part == "whole", old.name == new.name and old.unit_id != new.unit_id))
    return list(found.values())


def _first(edition: str, loaded: Collection[str]) -> Decision | None:
    """The decision that comes right before an edition's and has not been carried out either."""
    waiting = editions.waits_for(edition, {*loaded, editions.bundled()[0]})
    return editions.decision(waiting[-1]) if waiting else None


async def _in_the_way(visit: Visit, edition: str, problem: Problem) -> HTMLResponse:
    """A page that leads to the decision to be carried out before, or that says all that is wrong with the units. Raises
    any other refusal."""
    if problem.status == 422 and problem.fields:
        asked, others = editions.decision(edition), await in_the_way(visit, problem)
        return await visit.page("reform_refused.html", status=422, asked=asked, problem=problem, others=others)
    async with visit.service.pool.acquire() as conn:
        waiting = editions.waits_for(edition, await units.editions(conn))
    if problem.slug != editions.EARLIER_FIRST or not waiting or waiting[0] == editions.bundled()[0]:
        raise problem
    first = Ready(waiting[0], editions.decision(waiting[0]), None)
    return await visit.page("reform_waits.html", status=409, asked=editions.decision(edition), first=first)


async def in_the_way(visit: Visit, problem: Problem | None) -> list[Summary]:
    """The reforms that a refusal names as what stands in the way, the last one first."""
    ids = {f.about for f in problem.fields if f.about} if problem else set()
    if not ids:
        return []
    async with visit.service.pool.acquire() as conn:
        return await reform_links.some(conn, ids)


def _body(edition: str, values: Mapping[str, str]) -> ReformBody:
    """The body of the API for an edition and the choices that were made; an empty choice is none."""
    said = {"edition": edition, "reform_id": values.get("reform_id") or None, "choices": chosen(values)}
    try:
        return ReformBody.model_validate(said)
    except ValidationError as error:
        raise refused(error, {}) from error


def must_be_answered(questions: Iterable[QuestionLine]) -> None:
    """Raises 422 with every question that is open."""
    fields = tuple(
        FieldError(q.field, Text(f"hãy chọn đơn vị cho «{q.name}»", f"choose a unit for «{q.name}»")) for q in questions
    )
    if fields:
        raise Problem(422, "choices_needed", Text("Còn mục chưa chọn.", "Something is not chosen yet."), fields=fields)


def unanswered(questions: Iterable[QuestionLine]) -> dict[str, str]:
    """The fields of the questions that are open."""
    return {q.field: "" for q in questions}


async def _free_id(visit: Visit, edition: str) -> str:
    """The id of an edition's reform; another one where that was executed and taken back before."""
    async with visit.service.pool.acquire() as conn:
        taken = await reforms.reform(conn, edition)
    return f"{edition}-{visit.service.new_id()[-8:]}" if taken and taken.reversed_at else edition


async def _is_done(visit: Visit, reform_id: str) -> bool:
    async with visit.service.pool.acquire() as conn:
        found = await reforms.reform(conn, reform_id)
    return found is not None and found.reversed_at is None


async def told(visit: Visit, reform_id: str) -> tuple[Reform, dict[str, Any]]:
    """A reform with what it did, in names. Raises 404."""
    async with visit.service.pool.acquire() as conn:
        reform = await reforms.reform(conn, reform_id)
        if reform is None:
            raise draft_reversal.no_such_reform(reform_id)
        moves = await reforms.moves(conn, reform_id)
        ends = {i for m in moves for i in m.ends}
        names = await reforms.team_names(conn, {m.after.team_id for m in moves}) | await pages.unit_names(conn, ends)
        if reform.reversed_at is None:
            changed = await what_changed(conn, reform)
        else:
            changed, then = await _as_decided(conn, reform, ends)
            names |= then
    return reform, {"changed": changed, "moves": lineage.by_pair(moves), "names": names}


async def _as_decided(conn: Conn, reform: Reform, ends: set[str]) -> tuple[Changed, dict[str, str]]:
    """What a reform did that was taken back since, and what its units were called, `ends` too: in the words of its own
    changes, for the units that it established are void now."""
    lines, day = await reforms.transitions(conn, reform.reform_id), reform.effective_on
    before = await units.many_on_day(conn, ends.union(i.predecessor_id for i in lines), day - timedelta(days=1))
    after = await units.many_on_day(conn, ends.union(i.successor_id for i in lines), day)
    said = [c.unit for c in reform.changes if c.change is not Change.ABOLISHED]
    after |= {u.unit_id: Unit(**u.model_dump(), edition=reform.edition or "", valid_from=day) for u in said}
    return lineage.changed(reform, lines, before, after), {i: u.name for i, u in (after | before).items()}
