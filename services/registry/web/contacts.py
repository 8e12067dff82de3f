"""Pages of contacts under /so/dau-moi: who answers for a unit, an organisation or a team."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import contact, end_contact, read_contacts, register_contact
from services.registry.person import LegalBasis, Why
from services.registry.store import contacts as store
from services.registry.store import organisations, pages, teams, units
from services.registry.store.contacts import COLUMNS, Whose
from services.registry.web import tree
from services.registry.web.visit import Visit, Visiting, an_id, page_router
from shared.auth import Caller
from shared.errors import Problem
from shared.http import ID_PATTERN
from shared.vietnamese import sort_key
from shared.web.forms import Form, body, posted

routes = page_router()
ContactId = Annotated[str, Path(pattern=ID_PATTERN)]
REASONS = [Why.CALL.value, Why.SUBJECT_REQUEST.value]
"""What contacts are read for."""


@routes.get("/dau-moi")
async def show_contacts(
    visit: Visiting,
    why: Annotated[str, Query(max_length=30)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """Whose contacts; then what for; then the contacts."""
    caller = visit.must_be(*contact.ROLES)
    asked = {name: visit.asked_id(name) for name in COLUMNS if visit.asked_id(name)}
    if len(asked) != 1:
        return await visit.page("contacts_of.html", **await _choices(visit, caller))
    for_whom = contact.whose(*(asked.get(name) for name in COLUMNS))
    found = await _read(visit, caller, for_whom, why) if why in REASONS else None
    return await visit.page(
        "contacts.html",
        for_whom=for_whom,
        query=urlencode({for_whom.column: for_whom.thing_id}),
        called=await _called(visit, caller, for_whom),
        why=why,
        reasons=REASONS,
        found=found,
        done=done,
    )


@routes.get("/dau-moi/them")
async def show_registration(visit: Visiting) -> HTMLResponse:
    """An empty contact."""
    caller = visit.must_be(*contact.ROLES)
    asked = {name: visit.asked_id(name) for name in COLUMNS}
    blank = dict.fromkeys(("full_name", "phone", "title"), "")
    new = {"contact_id": visit.service.new_id(), "legal_basis": "public_task", "since": visit.today_typed}
    return await _registration(visit, caller, Form({**blank, **asked, **new}))


@routes.post("/dau-moi/them")
async def take_registration(visit: Visiting, request: Request) -> Response:
    """Registers the contact, or says what is wrong."""
    caller, values = visit.must_send(*contact.ROLES), await posted(request)
    try:
        wanted = body(register_contact.RegisterContact, values)
        await register_contact.register_contact(visit.service, wanted, caller)
    except Problem as problem:
        return await _registration(visit, caller, Form(values, problem))
    whose = {name: values[name] for name in COLUMNS if values.get(name)}
    return visit.go(f"/so/dau-moi?{urlencode({**whose, 'done': 'registered'})}")


@routes.get("/dau-moi/{contact_id}/ket-thuc")
async def show_end(visit: Visiting, contact_id: ContactId) -> HTMLResponse:
    """The last day."""
    caller = visit.must_be(*contact.ROLES)
    return await _end(visit, caller, contact_id, Form({"last_day": visit.today_typed}))


@routes.post("/dau-moi/{contact_id}/ket-thuc")
async def take_end(visit: Visiting, contact_id: ContactId, request: Request) -> Response:
    """Ends the contact, or says what is wrong."""
    caller, values = visit.must_send(*contact.ROLES), await posted(request)
    try:
        await end_contact.end_contact(visit.service, contact_id, body(end_contact.EndContact, values), caller)
    except Problem as problem:
        return await _end(visit, caller, contact_id, Form({"last_day": "", **values}, problem))
    row = await _row(visit, caller, contact_id)
    return visit.go(f"/so/dau-moi?{urlencode({row.column: row.thing_id, 'done': 'ended'})}")


async def _read(visit: Visit, caller: Caller, for_whom: Whose, why: str) -> read_contacts.ContactList:
    named: dict[str, Any] = {for_whom.column: for_whom.thing_id}
    return await read_contacts.list_contacts(visit.service, caller, Why(why), **named)


async def _called(visit: Visit, caller: Caller, for_whom: Whose) -> str:
    """What a unit, an organisation or a team of the caller's is called. Raises 403 or 422."""
    async with visit.service.pool.acquire() as conn:
        await contact.must_reach(conn, caller, for_whom, visit.service.province, visit.today)
    return await _name(visit, for_whom)


async def _name(visit: Visit, for_whom: Whose) -> str:
    async with visit.service.pool.acquire() as conn:
        if for_whom.column == "team_id":
            history = await teams.history(conn, for_whom.thing_id)
            return history.name_on(visit.today) if history else ""
        named = pages.unit_names if for_whom.column == "unit_id" else pages.organisation_names
        return (await named(conn, [for_whom.thing_id])).get(for_whom.thing_id, for_whom.thing_id)


async def _choices(visit: Visit, caller: Caller) -> dict[str, Any]:
    """The caller's units and, for the province, the organisations of today."""
    province = visit.service.province
    async with visit.service.pool.acquire() as conn:
        found = await units.map_of_day(conn, visit.today, root=province)
        whole = province in caller.units
        some = await organisations.list_on_day(conn, visit.today, within=None, after="", limit=2000) if whole else []
    named = sorted(((o.state.organisation_id, o.state.name) for o in some), key=lambda pair: sort_key(pair[1]))
    mine = [u for u in found if caller.covers((province, *u.path))]
    return {"choices": tree.grouped(mine), "organisations": named, "root": found[0] if found and whole else None}


async def _registration(visit: Visit, caller: Caller, form: Form) -> HTMLResponse:
    for_whom = contact.whose(*(an_id(form.value(name)) or None for name in COLUMNS))
    return await visit.page(
        "form_contact.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        called=await _called(visit, caller, for_whom),
        back=urlencode({for_whom.column: for_whom.thing_id}),
        columns=COLUMNS,
        bases=[b.value for b in LegalBasis],
    )


async def _row(visit: Visit, caller: Caller, contact_id: str) -> Whose:
    """For whom a contact of the caller's answers. Raises 403 or 404."""
    async with visit.service.pool.acquire() as conn:
        row = await store.contact(conn, contact_id)
        if row is None:
            raise end_contact.no_such_contact(contact_id)
        for_whom = contact.whose_of(row)
        await contact.must_reach(conn, caller, for_whom, visit.service.province, row.since)
    return for_whom


async def _end(visit: Visit, caller: Caller, contact_id: str, form: Form) -> HTMLResponse:
    for_whom = await _row(visit, caller, contact_id)
    return await visit.page(
        "form_contact_end.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        called=await _name(visit, for_whom),
        back=urlencode({for_whom.column: for_whom.thing_id}),
    )
