"""GET /so/nhat-ky: who read or wrote whose data, what of it, why and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import HTMLResponse

from services.registry import read_audit
from services.registry.person import Action, Why
from services.registry.read_audit import ROLES
from services.registry.web.requests import teams_of
from services.registry.web.visit import Visiting, page_router
from shared.auth import widest
from shared.errors import Problem
from shared.web.forms import Form, body

routes = page_router()
LINES = 50
_FILTERS = ("member_id", "subject", "action", "why", "since", "until")


@routes.get("/nhat-ky")
async def show_audit(visit: Visiting, after: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "") -> HTMLResponse:
    """Accesses, the newest first; a filter that cannot be read stands where it was typed."""
    caller = visit.must_be(*ROLES)
    values = {name: visit.asked(name) for name in _FILTERS}
    form, found = Form(values), None
    try:
        asked = body(read_audit.Asked, {**values, "after": after, "limit": str(LINES)})
        found = await read_audit.read_audit(visit.service, asked, caller)
    except Problem as problem:
        if problem.status != 422:
            raise
        form = Form(values, problem)
    return await visit.page(
        "audit.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        found=found,
        actions=[a.value for a in Action],
        whys=[w.value for w in Why],
        address=lambda **changed: _address({**values, **changed}),
        me=caller.subject,
        teams=await teams_of(visit, {one.member_id for one in found.items}) if found else {},
        widest=widest,
    )


def _address(asked: Mapping[str, Any]) -> str:
    said = urlencode({k: v for k, v in asked.items() if v})
    return f"/so/nhat-ky?{said}" if said else "/so/nhat-ky"
