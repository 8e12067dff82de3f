"""One request for a page: who looks, in which language, at which day; and refusals as pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.registry import store
from shared.auth import Caller, Role, authorize, authorize_form
from shared.clock import local_day
from shared.errors import TITLES, Problem, Text
from shared.http import ID_PATTERN
from shared.service import Service
from shared.web import Lang, choose_lang, environment, shell
from shared.web.forms import Form, posted, typed_day
from shared.web.viewer import Viewer, signed_in, viewer

PAGES = Path(__file__).parents[1] / "pages"
HOME = "/so"
_ENV = environment(PAGES)
_FORM = "application/x-www-form-urlencoded"
_TAKEN = {"same_id_other_content", "id_taken"}
_OWN_IDS = {"Idempotency-Key": "key", **{n: n for n in ("team_id", "member_id", "contact_id", "request_id")}}
"""By the field that a refusal names: the hidden field with the id that a form was opened with."""
_SENT_BEFORE = Problem(
    409,
    "sent_before",
    Text(
        "Biểu mẫu này đã được gửi và lưu một lần với nội dung khác. Nếu đây là việc mới thì gửi lại; nếu chỉ để sửa"
        " lần trước thì mở điều đã lưu mà sửa.",
        "This form was sent and saved once, with other content. Send it again if this is something new; to correct"
        " what was sent before, open what was saved.",
    ),
)
_NOT_THEIRS = {401, 500, 503}
"""Refusals of a form that have nothing to do with what was typed: it is handed back, to be sent again."""


def an_id(text: str) -> str:
    """What was sent as an id, before the database is asked for it; empty where it cannot be one."""
    return text if re.fullmatch(ID_PATTERN, text) else ""


class Visit:
    """What a page needs to know of its request, and how it answers."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.service: Service = request.app.state.service
        self.lang: Lang = choose_lang(request.query_params.get("lang"), request.cookies.get("lang"))
        self.caller: Caller | None = signed_in(request, self.service.auth)

    @property
    def _typed(self) -> Mapping[str, str]:
        """What was sent with the request."""
        typed: Mapping[str, str] = getattr(self.request.state, "typed", {})
        return typed

    @property
    def today(self) -> date:
        """The day it is in Vietnam."""
        return local_day(self.service.clock())

    @property
    def path(self) -> str:
        """The address of the page on this site, without the language."""
        asked = [(k, v) for k, v in self.request.query_params.multi_items() if k != "lang" and v]
        return self.request.url.path.rstrip("/") + (f"?{urlencode(asked)}" if asked else "")

    def day(self, name: str = "on") -> date:
        """The day that the address asks for; today when it asks for none, or for none that exists."""
        found = typed_day(self.request.query_params.get(name, ""))
        return found if found and 1990 <= found.year <= 2100 else self.today

    @property
    def today_typed(self) -> str:
        """Today as people type it into a form."""
        return f"{self.today:%d/%m/%Y}"

    def asked(self, name: str) -> str:
        """What the address says of a name, for a field that it fills in."""
        return "".join(c for c in self.request.query_params.get(name, "")[:200] if c.isprintable())

    def asked_id(self, name: str) -> str:
        """The id that the address says of a name; empty where it is none."""
        return an_id(self.request.query_params.get(name, ""))

    def key(self, values: Mapping[str, str]) -> str | None:
        """The id that a form was opened with; none where somebody spoilt it, which costs only the second chance."""
        return an_id(values.get("key", "")) or None

    def must_be(self, *roles: Role) -> Caller:
        """The caller of a page that only these roles may see. Raises 401 or 403."""
        return authorize(self.request, roles)

    def must_send(self, *roles: Role) -> Caller:
        """The caller of a form that only these roles may send. Raises 401 or 403."""
        return authorize_form(self.request, roles)

    async def page(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """The page in the visitor's language."""
        if isinstance(form := context.get("form"), Form):
            context["form"] = self._with_an_id_of_its_own(form)
        return self._render(template, await self._viewer(), status, context)

    async def again(self, template: str, form: Form, **context: Any) -> HTMLResponse:
        """The form that was refused, with what was typed and what is wrong. Raises what no form can put right."""
        assert form.problem is not None
        if form.problem.status in {401, 503}:
            raise form.problem
        return await self.page(template, status=form.problem.status, form=form, **context)

    def _with_an_id_of_its_own(self, form: Form) -> Form:
        """A form whose id stands for what was saved before, with another id: nobody sees the id, and with the old one
        the form would be refused for ever."""
        if form.problem is None or form.problem.slug not in _TAKEN:
            return form
        named = {_OWN_IDS.get(f.field, f.field) for f in form.problem.fields}
        if "contact_id" in form.values and "member_id" in named:
            named = {"contact_id"}
        ids = {name: self.service.new_id() for name in named if name in _OWN_IDS.values() and name in form.values}
        return Form({**form.values, **ids}, _SENT_BEFORE) if ids else form

    def refusal(self, problem: Problem) -> HTMLResponse:
        """The page that says what is wrong and what to do. Asks no database: that may be what is wrong."""
        title = TITLES.get(problem.status, TITLES[400])
        looking = viewer(self.caller, "") if self.caller else None
        context = {"problem": problem, "title": title, "typed": self._typed if problem.status in _NOT_THEIRS else {}}
        return self._render("problem.html", looking, problem.status, context)

    def go(self, path: str) -> RedirectResponse:
        """On to another page after a form was taken."""
        return RedirectResponse(path, status_code=303)

    def _render(self, template: str, looking: Viewer | None, status: int, context: dict[str, Any]) -> HTMLResponse:
        embedded = self.service.settings.embedded
        around = shell(
            self.lang,
            self.path,
            viewer=looking,
            sign_in_href=f"/sign-in?{urlencode({'back': self.path})}" if embedded else None,
            sign_out_href="/sign-out" if embedded else None,
        )
        html = _ENV.get_template(template).render({**around, "today": self.today, **context})
        response = HTMLResponse(html, status_code=status, headers={"cache-control": "no-store"})
        if self.request.query_params.get("lang") == self.lang:
            response.set_cookie("lang", self.lang, max_age=365 * 86400, samesite="lax", httponly=True)
        return response

    async def _viewer(self) -> Viewer | None:
        if self.caller is None:
            return None
        unit_id = self.caller.units[0] if self.caller.units else None
        async with self.service.pool.acquire() as conn:
            unit = await store.unit(conn, unit_id) if unit_id else None
        return viewer(self.caller, unit.name if unit else unit_id or "")


async def _visit(request: Request) -> Visit:
    if request.headers.get("content-type", "").startswith(_FORM):  # for whoever has to sign in anew, or to wait
        request.state.typed = await posted(request)
    return Visit(request)


Visiting = Annotated[Visit, Depends(_visit)]
"""The visit, for a page's function."""


def refuse(request: Request, problem: Problem) -> Response:
    """The page of a refusal."""
    return Visit(request).refusal(problem)


def page_router() -> APIRouter:
    """A router for pages; the API's documents do not list them."""
    return APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
