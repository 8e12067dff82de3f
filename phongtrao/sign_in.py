"""GET and POST /sign-in, POST /sign-out: choosing a persona. Mounted by `phongtrao up` only, never by `serve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc.jwk import ECKey

import services.reporting.present as reporting_pages
from phongtrao.personas import Persona
from shared import auth, web
from shared.errors import invalid
from shared.service import Service

Back = Annotated[str, Query(max_length=500, pattern=r"^/([^/\\].*)?$", description="A page of ours to go on with.")]
LIFETIME = 12 * 3600
"""Seconds."""


def routes(service: Service, people: Sequence[Persona], sign: ECKey) -> APIRouter:
    """The routes of an instance with these personas, whose tokens are signed with its key."""
    router = APIRouter(include_in_schema=False)
    env = web.environment(reporting_pages.PAGES)
    by_key = {p.key: p for p in people}

    @router.get("/sign-in")
    async def show(request: Request, lang: str | None = None, back: Back = "/") -> HTMLResponse:
        language = web.choose_lang(lang, request.cookies.get("lang"))
        here = "/sign-in" if back == "/" else "/sign-in?" + urlencode({"back": back})
        context = {**web.shell(language, here), "personas": [p._asdict() for p in people]}
        response = HTMLResponse(env.get_template("sign_in.html").render(context))
        if lang == language:
            response.set_cookie("lang", language, max_age=365 * 86400, samesite="lax", httponly=True)
        return response

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

    return router
