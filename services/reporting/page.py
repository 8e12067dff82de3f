"""The public page at `/`: the province, or a district with its communes, in Vietnamese or English."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import HTMLResponse, Response

from services.reporting import answers, present, store
from shared import errors
from shared.auth import ANYONE
from shared.deps import Svc
from shared.errors import TITLES, Problem
from shared.http import ID_PATTERN, router, who
from shared.problems import respond
from shared.service import Service
from shared.web import Lang, Shell, Viewer, choose_lang, environment, shell
from shared.web.viewer import signed_in, viewer

routes = router("pages")
_ENV = environment(present.PAGES)


@routes.get("/", response_class=HTMLResponse, openapi_extra=who(ANYONE, "public: counts only"))
async def show_page(
    request: Request,
    service: Svc,
    lang: Annotated[str | None, Query(max_length=5)] = None,
    unit: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
) -> HTMLResponse:
    """The page, complete without its script."""
    chosen = choose_lang(lang, request.cookies.get("lang"))
    numbers, line = await answers.numbers(service, unit)
    if unit and line is None:
        raise errors.not_found("no_such_unit", "unit", f"Không có đơn vị «{unit}».", f"There is no unit «{unit}».")
    looking, own_unit = await _viewer(request, service)
    context = _around(service, chosen, f"/?unit={unit}" if unit else "/", looking)
    page = present.page(numbers, lang=chosen, scope_unit_id=own_unit, unit=line)
    live = "/reporting/live?" + urlencode({k: v for k, v in (("lang", chosen), ("unit", unit), ("own", own_unit)) if v})
    html = _ENV.get_template("index.html").render({**context, "page": page, "live_href": live})
    response = HTMLResponse(html, headers={"cache-control": "no-store"})
    if lang == chosen:
        response.set_cookie("lang", chosen, max_age=365 * 86400, samesite="lax", httponly=True)
    return response


def refuse(request: Request, problem: Problem) -> Response:
    """A page for whoever looks with a browser, a problem document for every other. Asks no database: that may be what
    is wrong."""
    if "text/html" not in request.headers.get("accept", ""):
        return respond(request, problem)
    service: Service = request.app.state.service
    caller, lang = signed_in(request, service.auth), choose_lang(None, request.cookies.get("lang"))
    context = _around(service, lang, "/", viewer(caller, "") if caller else None)
    title = TITLES.get(problem.status, TITLES[400])
    html = _ENV.get_template("problem.html").render({**context, "problem": problem, "title": title})
    return HTMLResponse(html, status_code=problem.status, headers={"cache-control": "no-store"})


def _around(service: Service, lang: Lang, path: str, looking: Viewer | None) -> Shell:
    embedded = service.settings.embedded
    return shell(
        lang,
        path,
        viewer=looking,
        sign_in_href="/sign-in" if embedded else None,
        sign_out_href="/sign-out" if embedded else None,
    )


async def _viewer(request: Request, service: Service) -> tuple[Viewer | None, str | None]:
    """The signed-in person as a role and a unit; nobody when there is no valid token."""
    caller = signed_in(request, service.auth)
    if caller is None:
        return None, None
    unit_id = caller.units[0] if caller.units else service.province
    async with service.pool.acquire() as conn:
        name = await store.unit_name(conn, unit_id)
    return viewer(caller, name or unit_id), unit_id
