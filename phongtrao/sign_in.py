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


CLOCK = "/sign-in#clock"
"""Where the sign-in page tells of the demonstration's clock."""


def routes(
    service: Service, people: Sequence[Persona], sign: ECKey, demo: Demonstration | None = None
) -> APIRouter:
    """The routes of an instance with these personas, whose tokens are signed with its key.

    Where it has a demonstration, its clock can be sent on; otherwise that address does not exist.
    """
    router = APIRouter(include_in_schema=False)
    env = web.environment(reporting_pages.PAGES)
    by_key = {p.key: p for p in people}

    def page(request: Request, lang: str | None, back: str, problem: Problem | None = None) -> HTMLResponse:
        language = web.choose_lang(lang, request.cookies.get("lang"))
        here = "/sign-in" if back == "/" else "/sign-in?" + urlencode({"back": back})
        context = {
            **web.shell(language, here),
            "personas": [p._asdict() for p in people],
            "demo": demo,
            "later": AFTER_REFORMS,
            "problem": problem,
        }
        html = env.get_template("sign_in.html").render(context)
        response = HTMLResponse(html, status_code=problem.status if problem else 200)
        response.headers["cache-control"] = "no-store"
        if lang == language:
            response.set_cookie("lang", language, max_age=365 * 86400, samesite="lax", httponly=True)
        return response

    @router.get("/sign-in")
    async def show(request: Request, lang: str | None = None, back: Back = "/") -> HTMLResponse:
        return page(request, lang, back)

    @router.post("/sign-in")
    async def sign_in(persona: Annotated[str, Form(max_length=20)], back: Back = "/") -> RedirectResponse:
        chosen = by_key.get(persona)
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

    if demo is None:
        return router

    @router.post("/sign-in/clock")
    async def send_clock_on(request: Request) -> Response:
        auth.must_be_from_here(request)
        try:
            await demo.jump()
        except Problem as problem:
            return page(request, None, "/", problem)
        return RedirectResponse(CLOCK, status_code=303)

    return router
