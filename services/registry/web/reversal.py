"""The page that takes a reform back, /so/sap-xep/…/rut-lai: what goes back where, what has to be chosen, doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.registry import draft_reversal, preview_reversal, reverse_reform
from services.registry.preview_reversal import ReversalPreview
from services.registry.reverse_reform import ReversalBody
from services.registry.store import reform_links
from services.registry.store import reforms as store
from services.registry.store.reforms import Reform, Summary
from services.registry.web.own_reform_body import chosen
from services.registry.web.reforms import DOERS, ReformId, common_of, must_be_answered, unanswered, with_the_rest
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import Caller
from shared.errors import Problem
from shared.web.forms import Form, posted, refused

routes = page_router()


@routes.get("/sap-xep/{reform_id}/rut-lai")
async def show_reversal(visit: Visiting, reform_id: ReformId) -> Response:
    """What taking it back means, or what stands in the way."""
    caller = visit.must_be(*DOERS)
    reform = await _reform(visit, reform_id)
    if reform.reversed_at is not None:
        return visit.go(f"/so/sap-xep/{reform_id}")
    try:
        preview = await _preview(visit, caller, reform_id, {})
    except Problem as problem:
        if problem.status != 422:
            raise
        told = {**_told(reform, None), "later": await _later(visit, reform)}
        return await visit.page("form_reverse.html", form=Form({}, problem), **told)
    form = Form(unanswered(preview.questions))
    return await visit.page("form_reverse.html", form=form, **_told(reform, preview))


@routes.post("/sap-xep/{reform_id}/rut-lai")
async def take_reversal(visit: Visiting, reform_id: ReformId, request: Request) -> Response:
    """First the choices, then, from the page that asks once more, taking it back."""
    caller, values = visit.must_send(*DOERS), await posted(request)
    reform, preview = await _reform(visit, reform_id), None
    if reform.reversed_at is not None:  # sent twice
        return visit.go(f"/so/sap-xep/{reform_id}")
    try:
        preview = await _preview(visit, caller, reform_id, {})
        if values.get("step") == "edit":
            form = Form({**unanswered(preview.questions), **values})
            return await visit.page("form_reverse.html", form=form, **_told(reform, preview))
        values = with_the_rest([q for q in preview.questions if not values.get(q.field)], values)
        must_be_answered(q for q in preview.questions if not values.get(q.field))
        if values.get("step") != "execute":
            sure = await _preview(visit, caller, reform_id, values)
            return await visit.page("reverse_confirm.html", form=Form(values), **_told(reform, sure))
        await reverse_reform.reverse_reform(visit.service, reform_id, caller, _body(values))
    except Problem as problem:
        if preview is None and problem.status != 422:
            raise
        asked = unanswered(preview.questions) if preview else {}
        told = _told(reform, preview) if preview else {**_told(reform, None), "later": await _later(visit, reform)}
        return await visit.again("form_reverse.html", Form({**asked, **values}, problem), **told)
    return visit.go(f"/so/sap-xep/{reform_id}")


def _told(reform: Reform, preview: ReversalPreview | None) -> dict[str, Any]:
    return {"reform": reform, "preview": preview, "common": common_of(preview.questions) if preview else []}


async def _later(visit: Visit, reform: Reform) -> list[Summary]:
    async with visit.service.pool.acquire() as conn:
        return await reform_links.later(conn, reform)


async def _reform(visit: Visit, reform_id: str) -> Reform:
    async with visit.service.pool.acquire() as conn:
        found = await store.reform(conn, reform_id)
    if found is None:
        raise draft_reversal.no_such_reform(reform_id)
    return found


async def _preview(visit: Visit, caller: Caller, reform_id: str, values: Mapping[str, str]) -> ReversalPreview:
    return await preview_reversal.preview_reversal(visit.service, reform_id, caller, _body(values))


def _body(values: Mapping[str, str]) -> ReversalBody:
    """The body of the API for the choices that were made; an empty choice is none."""
    try:
        return ReversalBody.model_validate({"choices": chosen(values)})
    except ValidationError as error:
        raise refused(error, {}) from error
