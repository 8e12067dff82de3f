"""Pages of a person's data under /so/nguoi: read for a reason, correct, withdraw, erase. All of it is on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import correct_person, erase_person, read_person, read_subject_requests, withdraw_consent
from services.registry.person import LegalBasis, Why
from services.registry.person_access import DECIDERS, READERS, may_reach
from services.registry.read_audit import ROLES as AUDITORS
from services.registry.read_person import PersonView
from services.registry.read_subject_requests import RequestView
from services.registry.store import contacts, pages, vault
from services.registry.store.contacts import Contact
from services.registry.web.requests import Clock, clock_of
from services.registry.web.spells import Spell, spells_of
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller, Role
from shared.errors import FieldError, Problem, Text, invalid
from shared.http import ID_PATTERN
from shared.service import Service
from shared.web.forms import Form, body, posted

routes = page_router()
MemberId = Annotated[str, Path(pattern=ID_PATTERN)]


class Known(NamedTuple):
    """What is known of a person without the vault."""

    spells: list[Spell]
    contact: Contact | None
    called: str
    """The unit, the organisation or the team that a contact answers for."""
    erased: bool


@routes.get("/nguoi/{member_id}")
async def show_person(
    visit: Visiting,
    member_id: MemberId,
    why: Annotated[str, Query(max_length=30)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
    asked: Annotated[str, Query(max_length=5)] = "",
) -> HTMLResponse:
    """The person behind an id, once a reason is given; before that, the places only."""
    caller = visit.must_be(*READERS)
    known = await _known(visit, caller, member_id)
    person, problem = None, None
    if why in reasons(caller, member_id) and not known.erased:
        try:
            person = await read_person.read_person(visit.service, member_id, Why(why), caller)
        except Problem as refused:
            problem = refused
    elif asked and not known.erased:
        problem = _no_reason()
    return await visit.page(
        "person.html",
        status=problem.status if problem else 200,
        member_id=member_id,
        person=person,
        why=why,
        done=done,
        form=Form({"why": why}, problem),
        reasons=reasons(caller, member_id),
        requests=await _requests(visit, caller, member_id),
        may_decide=caller.has(*DECIDERS),
        may_answer=caller.has(*OFFICERS),
        may_audit=may_audit(visit, caller),
        **known._asdict(),
    )


def _no_reason() -> Problem:
    return invalid(
        "no_reason",
        "why",
        "Hãy chọn bạn cần xem để làm gì; chưa có lý do thì dữ liệu không hiện.",
        "Choose what you need it for; without a reason the data is not shown.",
    )


def reasons(caller: Caller, member_id: str) -> list[str]:
    """What a caller may say that the data is read for."""
    if caller.member_id == member_id:
        return [Why.OWN_DATA]
    duty = [Why.LEGAL_DUTY] if caller.has(Role.PROVINCE_OFFICER) else []
    return [Why.CALL, Why.MEMBER_FORM, Why.SUBJECT_REQUEST, *duty]


def may_audit(visit: Visit, caller: Caller) -> bool:
    """Whether a caller may look into the record of accesses."""
    return caller.has(*AUDITORS) and visit.service.province in caller.units


@routes.get("/nguoi/{member_id}/sua")
async def show_correction(visit: Visiting, member_id: MemberId) -> HTMLResponse:
    """The data as it is, to be put right; empty where it may not be read any more."""
    caller = visit.must_be(*READERS)
    known = await _known(visit, caller, member_id)
    person = await _read_to_correct(visit, caller, member_id)
    said = person.model_dump() if person else {}
    values = {name: said.get(name) or "" for name in ("full_name", "phone", "title")}
    return await _correction(visit, member_id, known, Form({**values, "legal_basis": ""}), withdrawn=person is None)


@routes.post("/nguoi/{member_id}/sua")
async def take_correction(visit: Visiting, member_id: MemberId, request: Request) -> Response:
    """Corrects the data, or says what is wrong."""
    caller, values = visit.must_send(*READERS), await posted(request)
    known = await _known(visit, caller, member_id)
    try:
        wanted = body(correct_person.CorrectPerson, values)
        await correct_person.correct_person(visit.service, member_id, wanted, caller)
    except Problem as problem:
        withdrawn = problem.slug == "basis_withdrawn" or bool(values.get("withdrawn"))
        form = Form({"phone": "", "title": "", "legal_basis": "", **values}, _beside_the_basis(problem))
        return await _correction(visit, member_id, known, form, withdrawn=withdrawn)
    return visit.go(f"/so/nguoi/{member_id}?done=corrected")


def _beside_the_basis(problem: Problem) -> Problem:
    """The refusal of data whose basis is withdrawn, said beside the choice of a new one."""
    if problem.slug != "basis_withdrawn":
        return problem
    new = FieldError("legal_basis", Text("hãy chọn căn cứ mới", "choose the new basis"))
    return Problem(problem.status, problem.slug, problem.detail, fields=(new,))


class Decision(NamedTuple):
    """A decision about a person's data that is explained before it is made."""

    template: str
    make: Callable[[Service, str, Caller], Awaitable[object]]
    done: str
    """What the person's page then says."""


_WITHDRAWAL = Decision("form_withdraw.html", withdraw_consent.withdraw_consent, "withdrawn")
_ERASURE = Decision("form_erase.html", erase_person.erase_person, "erased")


@routes.get("/nguoi/{member_id}/rut")
async def show_withdrawal(visit: Visiting, member_id: MemberId) -> HTMLResponse:
    """What withdrawing means."""
    return await _explained(visit, visit.must_be(*DECIDERS), member_id, _WITHDRAWAL)


@routes.post("/nguoi/{member_id}/rut")
async def take_withdrawal(visit: Visiting, member_id: MemberId) -> Response:
    """Withdraws the basis, or says why not."""
    return await _made(visit, member_id, _WITHDRAWAL)


@routes.get("/nguoi/{member_id}/xoa")
async def show_erasure(visit: Visiting, member_id: MemberId) -> HTMLResponse:
    """What erasing means."""
    return await _explained(visit, visit.must_be(*DECIDERS), member_id, _ERASURE)


@routes.post("/nguoi/{member_id}/xoa")
async def take_erasure(visit: Visiting, member_id: MemberId) -> Response:
    """Erases the person, or says why not."""
    return await _made(visit, member_id, _ERASURE)


async def _known(visit: Visit, caller: Caller, member_id: str) -> Known:
    """What is known of a person whom the caller may reach. Raises 403 or 404."""
    async with visit.service.pool.acquire() as conn:
        await may_reach(conn, visit.service, caller, member_id, visit.service.clock())
        spells = await spells_of(conn, visit, caller, member_id)
        contact = await contacts.contact(conn, member_id)
        called = await pages.name_of_contacted(conn, member_id) if contact else ""
        erased = bool(await vault.erased(conn, [member_id]))
    return Known(spells, contact, called, erased)


async def _requests(visit: Visit, caller: Caller, member_id: str) -> list[tuple[RequestView, Clock]]:
    """What the person asked for and nobody has answered."""
    if not caller.has(*read_subject_requests.ROLES):
        return []
    found = await read_subject_requests.list_subject_requests(visit.service, caller, "open", member_id, limit=20)
    return [(r, clock_of(r, visit.service.clock())) for r in found.items]


async def _read_to_correct(visit: Visit, caller: Caller, member_id: str) -> PersonView | None:
    try:
        return await read_person.read_person(visit.service, member_id, Why.CORRECTION, caller)
    except Problem as problem:
        if problem.slug != "basis_withdrawn":
            raise
        return None


async def _correction(visit: Visit, member_id: str, known: Known, form: Form, *, withdrawn: bool) -> HTMLResponse:
    context: dict[str, Any] = {"member_id": member_id, "bases": [b.value for b in LegalBasis], "withdrawn": withdrawn}
    status = form.problem.status if form.problem else 200
    return await visit.page("form_person.html", status=status, form=form, **context, **known._asdict())


async def _explained(
    visit: Visit, caller: Caller, member_id: str, decision: Decision, problem: Problem | None = None
) -> HTMLResponse:
    known = await _known(visit, caller, member_id)
    status = problem.status if problem else 200
    form = Form({}, problem)
    return await visit.page(decision.template, status=status, form=form, member_id=member_id, **known._asdict())


async def _made(visit: Visit, member_id: str, decision: Decision) -> Response:
    caller = visit.must_send(*DECIDERS)
    try:
        await decision.make(visit.service, member_id, caller)
    except Problem as problem:
        return await _explained(visit, caller, member_id, decision, problem)
    return visit.go(f"/so/nguoi/{member_id}?done={decision.done}")
