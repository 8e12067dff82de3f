"""Pages of what people ask for about the own data, under /so/yeu-cau: the list with its clock, filing, answering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import answer_subject_request, file_subject_request, read_subject_requests
from services.registry.person_access import READERS, may_reach
from services.registry.ranking import Kind as Found
from services.registry.read_subject_requests import RequestView
from services.registry.store import memberships, teams
from services.registry.store import requests as store
from services.registry.web.hits import found_by
from services.registry.web.visit import Visit, Visiting, an_id, page_router
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.clock import VIETNAM, local_day
from shared.errors import Problem
from shared.http import ID_PATTERN
from shared.web.forms import NOT_A_DAY, Form, body, posted, typed_clock, typed_day

routes = page_router()
LINES = 100
RequestId = Annotated[str, Path(pattern=ID_PATTERN)]
State = Literal["open", "late", "answered", ""]


class Clock(NamedTuple):
    """How long there is to answer a request; since when it is late, if it is."""

    last_day: date
    """The last day on which an answer is in time."""
    days: int
    hours: int
    late: bool


def clock_of(request: RequestView, now: datetime) -> Clock:
    """The clock of a request; of an answered one, as it stood then."""
    left = request.due_at - (request.answered_at or now)
    last_day = local_day(request.due_at - timedelta(microseconds=1))
    return Clock(last_day, abs(left).days, abs(left).seconds // 3600, left <= timedelta(0))


@routes.get("/yeu-cau")
async def show_requests(
    visit: Visiting,
    state: State = "open",
    after: Annotated[str, Query(max_length=90, pattern=r"^([0-9]{1,18}\.[0-9A-Za-z_-]{1,64})?$")] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """Requests, those due first before the others."""
    caller, service = visit.must_be(*OFFICERS), visit.service
    listed = read_subject_requests.list_subject_requests
    shown = await listed(service, caller, state or None, after=after or None, limit=LINES)
    waiting = shown if state == "open" and not after else await listed(service, caller, "open", limit=500)
    now = service.clock()
    return await visit.page(
        "requests.html",
        state=state,
        lines=[(r, clock_of(r, now)) for r in shown.items],
        total=shown.total,
        next=shown.next,
        waiting=waiting.total,
        late=sum(r.late for r in waiting.items),
        teams=await teams_of(visit, {r.member_id for r in shown.items}),
        done=done,
    )


async def teams_of(visit: Visit, member_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """The teams that these people are on, or were on at last, by person: id and name."""
    async with visit.service.pool.acquire() as conn:
        places = await memberships.memberships_of(conn, member_ids)
        named = await teams.histories(conn, sorted({p.team_id for p in places}))
    found: dict[str, list[tuple[str, str]]] = {}
    for place in places:
        if place.left_on is None or not any(o.left_on is None for o in places if o.member_id == place.member_id):
            found.setdefault(place.member_id, []).append((place.team_id, named[place.team_id].team.name))
    return found


@routes.get("/yeu-cau/ghi")
async def show_filing(visit: Visiting, q: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
    """Who asks, for what, since when."""
    visit.must_be(*READERS)
    typed = {name: visit.asked(name) for name in ("kind", "on", "at")}
    values = {**typed, "member_id": visit.asked_id("member_id"), "q": q.strip()}
    return await _filing(visit, Form({**values, "request_id": visit.service.new_id()}))


@routes.post("/yeu-cau/ghi")
async def take_filing(visit: Visiting, request: Request) -> Response:
    """Files the request, or says what is wrong."""
    caller, values = visit.must_send(*READERS), await posted(request)
    try:
        wanted = body(file_subject_request.FileRequest, {**values, "received_at": _moment(values)})
        filed = await file_subject_request.file_subject_request(visit.service, wanted, caller)
    except Problem as problem:
        shown = {"kind": "", "member_id": "", "on": "", "at": "", **values}
        return await _filing(visit, Form(shown, _beside_the_day(problem)))
    if caller.has(*OFFICERS):
        return visit.go(f"/so/yeu-cau/{filed.request_id}?done=filed")
    return visit.go(f"/so/nguoi/{wanted.member_id}?done=filed")


async def _filing(visit: Visit, form: Form) -> HTMLResponse:
    somebody_else = form.wrong("member_id", visit.lang) is not None
    chosen, wanted = "" if somebody_else else an_id(form.value("member_id")), form.value("q")
    found = await found_by(visit, wanted, Found.MEMBER) if wanted else ()
    known = {h.id for h in found}
    status = form.problem.status if form.problem else 200
    return await visit.page(
        "form_request.html",
        status=status,
        form=form,
        found=found,
        chosen=chosen if chosen and chosen not in known else "",
        teams=await teams_of(visit, [chosen]) if chosen else {},
    )


def _moment(values: Mapping[str, str]) -> str:
    """When a request came in, as the API takes it; empty for now. Raises 422 for what is no day or no time of day."""
    day_typed, time_typed = values.get("on", ""), values.get("at", "")
    if not day_typed and not time_typed:
        return ""
    day, clock = typed_day(day_typed), typed_clock(time_typed or "0:00")
    if day is None:
        raise errors.invalid("invalid_data", "on", *NOT_A_DAY)
    if clock is None:
        raise errors.invalid(
            "invalid_data", "at", "phải là giờ trong ngày, ví dụ 14:30", "must be a time of day, for example 14:30"
        )
    return datetime.combine(day, clock, VIETNAM).isoformat()


def _beside_the_day(problem: Problem) -> Problem:
    """The refusal of a moment, said beside the day that was typed."""
    fields = tuple(f._replace(field="on") if f.field == "received_at" else f for f in problem.fields)
    return Problem(problem.status, problem.slug, problem.detail, fields=fields, retry_after=problem.retry_after)


@routes.get("/yeu-cau/{request_id}")
async def show_request(
    visit: Visiting, request_id: RequestId, done: Annotated[str, Query(max_length=20)] = ""
) -> HTMLResponse:
    """What a request asks for, its clock, and how it ended."""
    asked = await _one(visit, visit.must_be(*OFFICERS), request_id)
    return await _request(visit, asked, Form({"outcome": ""}), done=done)


@routes.post("/yeu-cau/{request_id}")
async def take_answer(visit: Visiting, request_id: RequestId, request: Request) -> Response:
    """Notes the answer, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    asked = await _one(visit, caller, request_id)
    try:
        wanted = body(answer_subject_request.AnswerRequest, values)
        await answer_subject_request.answer_subject_request(visit.service, request_id, wanted, caller)
    except Problem as problem:
        return await _request(visit, asked, Form({"outcome": "", **values}, problem))
    return visit.go(f"/so/yeu-cau/{request_id}?done=answered")


async def _one(visit: Visit, caller: Caller, request_id: str) -> RequestView:
    """A request that the caller may answer. Raises 403 or 404."""
    now = visit.service.clock()
    async with visit.service.pool.acquire() as conn:
        found = await store.request(conn, request_id)
        if found is None:
            raise answer_subject_request.no_such_request(request_id)
        await may_reach(conn, visit.service, caller, found.member_id, now)
    return read_subject_requests.view(found, now)


async def _request(visit: Visit, asked: RequestView, form: Form, *, done: str = "") -> HTMLResponse:
    return await visit.page(
        "request.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        asked=asked,
        clock=clock_of(asked, visit.service.clock()),
        teams=(await teams_of(visit, [asked.member_id])).get(asked.member_id, []),
        done=done,
    )
