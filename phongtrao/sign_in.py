"""GET and POST /sign-in, POST /sign-out: choosing a persona; POST /sign-in/clock: on to the reforms of 2025.

Mounted by `phongtrao up` only, never by `serve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from joserfc.jwk import ECKey

import services.reporting.present as reporting_pages
from phongtrao.demo_clock import AFTER_REFORMS
from phongtrao.demonstration import Demonstration
from phongtrao.personas import Persona
from shared import auth, web
from shared.errors import Problem, invalid
from shared.service import Service

Back = Annotated[str, Query(max_length=500, pattern=r"^/([^/\\].*)?$", description="A page of ours to go on with.")]
LIFETIME = 12 * 3600
"""Seconds."""
_ENV = web.environment(reporting_pages.PAGES)


def routes(service: Service, people: Sequence[Persona], sign: ECKey, demo: Demonstration | None = None) -> APIRouter:
    """The routes of an instance with these personas, whose tokens are signed with its key.

    Where it has a demonstration, its clock can be sent on; otherwise that address does not exist.
    """
    router = APIRouter(include_in_schema=False)
    page = _Page(people, demo)
    if demo is not None:
        router.include_router(_clock(page, demo))

    @router.get("/sign-in")
    async def show(request: Request, lang: str | None = None, back: Back = "/") -> HTMLResponse:
        return page(request, lang, back)

    @router.post("/sign-in")
    async def sign_in(persona: Annotated[str, Form(max_length=20)], back: Back = "/") -> RedirectResponse:
        chosen = next((p for p in people if p.key == persona), None)
        if chosen is None:
            raise invalid(
                "unknown_persona", "persona", "Không có vai này. Hãy chọn lại.", "No such persona. Choose again."
            )
        settings = service.settings
        token = auth.issue(
            sign, issuer=settings.oidc_issuer, audience=settings.oidc_audience, caller=chosen.caller, lifetime=LIFETIME
        )
        response = RedirectResponse(back, status_code=303)
        response.set_cookie(auth.COOKIE, token, max_age=LIFETIME, httponly=True, samesite="strict", path="/")
        return response

    @router.post("/sign-out")
    async def sign_out() -> RedirectResponse:
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie(auth.COOKIE, httponly=True, samesite="strict", path="/")
        return response

    return router


def _clock(page: _Page, demo: Demonstration) -> APIRouter:
    """Whoever may open the page may send the clock on, as they may take any persona; no other site can do it for
    them."""
    router = APIRouter()

    @router.post("/sign-in/clock")
    async def send_on(request: Request) -> Response:
        auth.must_be_from_here(request)
        try:
            await demo.jump()
        except Problem as problem:
            return page(request, None, "/", problem)
        return RedirectResponse("/sign-in", status_code=303)

    return router


class _Page:
    """The page in the visitor's language."""

    def __init__(self, people: Sequence[Persona], demo: Demonstration | None) -> None:
        self._people, self._demo = [p._asdict() for p in people], demo

    def __call__(self, request: Request, lang: str | None, back: str, problem: Problem | None = None) -> HTMLResponse:
        language = web.choose_lang(lang, request.cookies.get("lang"))
        here = "/sign-in" if back == "/" else "/sign-in?" + urlencode({"back": back})
        context = {**web.shell(language, here), "personas": self._people, "problem": problem}
        html = _ENV.get_template("sign_in.html").render({**context, "demo": self._demo, "later": AFTER_REFORMS})
        response = HTMLResponse(html, status_code=problem.status if problem else 200)
        response.headers["cache-control"] = "no-store"
        if lang == language:
            response.set_cookie("lang", language, max_age=365 * 86400, samesite="lax", httponly=True)
        return response
