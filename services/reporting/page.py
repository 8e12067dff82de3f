"""The public page at `/`: the province, or a district with its communes, in Vietnamese or English."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import HTMLResponse, Response

from services.reporting import answers, present, store
from services.reporting.shapes import Numbers
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
    map: Annotated[str | None, Query(description="The name of a map, or a day of it.")] = None,  # noqa: A002
) -> HTMLResponse:
    """The page, complete without its script."""
    chosen = choose_lang(lang, request.cookies.get("lang"))
    numbers, line = await answers.numbers(service, answers.Question(unit, map))
    if unit and line is None:
        raise _not_on_the_map(unit, numbers)
    looking, own_unit = await _viewer(request, service)
    on_map = None if map is None else numbers["map"]
    context = _around(service, chosen, _address("/", unit=unit, map=on_map), looking)
    page = present.page(numbers, lang=chosen, scope_unit_id=own_unit, unit=line, keeps_map=on_map is not None)
    live = _address("/reporting/live", lang=chosen, unit=unit, map=on_map, own=own_unit)
    html = _ENV.get_template("index.html").render({**context, "page": page, "live_href": live})
    response = HTMLResponse(html, headers={"cache-control": "no-store"})
    if lang == chosen:
        response.set_cookie("lang", chosen, max_age=365 * 86400, samesite="lax", httponly=True)
    return response


def _address(path: str, **asked: str | None) -> str:
    wanted = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{wanted}" if wanted else path


def _not_on_the_map(unit_id: str, numbers: Numbers) -> Problem:
    """404: a unit that there is on another map at most; says on which."""
    there = numbers["maps_with_unit"]
    vi, en = f"Không có đơn vị «{unit_id}»", f"There is no unit «{unit_id}»"
    if there:
        vi += f" trên bản đồ này. Có trên bản đồ: {', '.join(there)}. Hãy thêm «&map={there[-1]}» vào địa chỉ"
        en += f" on this map. It is on the map: {', '.join(there)}. Add «&map={there[-1]}» to the address"
    return errors.not_found("no_such_unit", "unit", f"{vi}.", f"{en}.")


def refuse(request: Request, problem: Problem) -> Response:
    """A page for whoever looks with a browser, a problem document for every other. Asks no database: that may be what
    is wrong."""
    if "text/html" not in request.headers.get("accept", ""):
        return respond(request, problem)
    service: Service = request.app.state.service
    caller, lang = signed_in(request, service.auth), choose_lang(None, request.cookies.get("lang"))
    context = _around(service, lang, "/", viewer(caller, "") if caller else None)
    title = TITLES.get(problem.status, TITLES[400])
    html = _ENV.get_template("problem.html").render({**context, "problem": problem, "title": title, "typed": {}})
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
