"""A service's HTTP application: its routers, plus what every service serves under its path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.telemetry import TelemetryConfig
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware, GZipResponder
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import asyncapi, problems, standing, telemetry
from shared.errors import Problem
from shared.http import Edge, Sizes
from shared.service import Service
from shared.web import Lang, choose_lang
from shared.web import docs as reference
from shared.web.assets import Assets

VERSION = "0.1.0"
_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""`shared.telemetry` traces and counts; asking each time whether OpenTelemetry is set up costs 4 % of a command."""


def create_app(service: Service) -> FastAPI:
    """The application of one service, mounted at `/<name>`; its lifespan runs the service."""
    spec = service.spec

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title=f"Phong Trào · {spec.title}",
        summary=spec.summary,
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=_OWN_TELEMETRY,
        # As they are: of a router that is included FastAPI tries every route twice for each request.
        routes=[route for router in spec.routers for route in router.routes],
    )
    app.state.service = service
    problems.install(app, begin=_docs(app))
    _add_common(app, service)

    def refuse(scope: Scope, problem: Problem) -> ASGIApp:
        return problems.respond(Request(scope), problem)

    app.add_middleware(Edge, service=spec.name, sizes=_sizes(service), refuse=refuse)
    return app


def openapi(app: FastAPI, prefix: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document, served from `prefix`."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, servers=[{"url": prefix}]
    )
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {})["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "ES256 token of the configured issuer, with `roles` and `units`.",
    }
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                if int(status) >= 400:
                    response["content"] = {"application/problem+json": response["content"]["application/problem+json"]}
                for media in response.get("content", {}).values():
                    if media.pop("itemSchema", None):  # a keyword of OpenAPI 3.2 that FastAPI writes into 3.1 for SSE
                        media["schema"] = {"type": "string", "description": "Server-sent events, without an end."}
    return document


class Documents:
    """The service's two contracts, made when first asked for."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self._app, self._service = app, service

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """OpenAPI 3.1."""
        return openapi(self._app, f"/{self._service.name}")

    @cached_property
    def asyncapi(self) -> dict[str, Any]:
        """AsyncAPI 3.0."""
        return asyncapi.document(self._service)


def _add_common(app: FastAPI, service: Service) -> None:
    _add_documents(app, service, Documents(app, service))
    _add_probes(app, service)


def _add_documents(app: FastAPI, service: Service, documents: Documents) -> None:
    title = service.spec.title

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi_json() -> JSONResponse:
        return JSONResponse(documents.openapi)

    @app.get("/asyncapi.json", include_in_schema=False)
    async def asyncapi_json() -> JSONResponse:
        return JSONResponse(documents.asyncapi)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request, lang: str = "") -> HTMLResponse:
        return HTMLResponse(reference.render_openapi(documents.openapi, lang=_lang(request, lang), title=title))

    @app.get("/docs/events", include_in_schema=False)
    async def event_docs(request: Request, lang: str = "") -> HTMLResponse:
        return HTMLResponse(reference.render_asyncapi(documents.asyncapi, lang=_lang(request, lang), title=title))


def _lang(request: Request, asked: str) -> Lang:
    preferred = "en" if problems.wants_english(request) else None
    return choose_lang(asked or None, request.cookies.get("lang") or preferred)


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        return JSONResponse({"service": service.name, "status": "alive"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        found = await standing.of(service)
        return JSONResponse(found.as_dict(), status_code=200 if found.ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return telemetry.metrics_response()


class Site(Starlette):
    """Services and pages at one address. What writes goes straight to its service: the way through the list of mounts,
    and past a compressor that has nothing to do as a rule, is a tenth of a command."""

    services: Mapping[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["method"] not in _READING:
            parts = scope["path"].split("/", 2)  # of `*`, the target that OPTIONS has besides, there is but one
            app = self.services.get(parts[1]) if len(parts) == 3 and not scope.get("root_path") else None
            if app is not None:
                within = {**scope, "app_root_path": "", "root_path": f"/{parts[1]}"}
                await app(within, receive, _Answer(app, scope, send))
                return
        await super().__call__(scope, receive, send)


_READING = ("GET", "HEAD")
_LARGE = 1000
"""Bytes from which on an answer is compressed."""


class _Answer:
    """The answer to a command on its way. Most are small and go as they are; a large one, as the preview of a reform or
    the receipts of a batch, is compressed for whoever takes that."""

    def __init__(self, app: ASGIApp, scope: Scope, send: Send) -> None:
        self._app, self._scope, self._send = app, scope, send

    async def __call__(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start" and self._is_compressed(message):
            compressor = GZipResponder(self._app, _LARGE)
            compressor.send, self._send = self._send, compressor.send_with_compression
        await self._send(message)

    def _is_compressed(self, start: Message) -> bool:
        length = next((value for name, value in start["headers"] if name == b"content-length"), b"0")
        return int(length) >= _LARGE and "gzip" in Headers(scope=self._scope).get("accept-encoding", "")


def site(apps: Sequence[FastAPI], *, pages: Sequence[FastAPI] = ()) -> Site:
    """All given applications under their paths, static files, and the pages where they live; one lifespan for all."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    routes: list[BaseRoute] = [Mount(f"/{app.state.service.name}", app) for app in apps]
    routes.append(Mount("/static", Assets()))
    routes += [Route(_home(app), _AtHome(app)) for app in pages if _home(app) != "/"]
    # The root takes every address that is left, so it comes last.
    routes += [Mount(_home(app), app) for app in sorted(pages, key=_home, reverse=True)]
    compress = Middleware(GZipMiddleware, minimum_size=_LARGE)
    refusals = {HTTPException: problems.no_such(_docs(apps[0]))}
    made = Site(routes=routes, lifespan=lifespan, middleware=[compress], exception_handlers=refusals)
    made.services = {app.state.service.name: app for app in apps}
    return made


class _AtHome:
    """Pages at their very home, `/so`: a mount takes only what comes after its slash."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        home = _home(self._app)
        at_home = {"path": scope.get("root_path", "") + home + "/", "root_path": scope.get("root_path", "") + home}
        await self._app({**scope, **at_home}, receive, send)


def pages_apps(services: Iterable[Service]) -> list[FastAPI]:
    """The pages of these services, an application each, without lifespans of their own."""
    return [_pages_app(service, service.spec.pages) for service in services if service.spec.pages is not None]


def _pages_app(service: Service, pages: APIRouter) -> FastAPI:
    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, telemetry=_OWN_TELEMETRY
    )  # fmt: skip
    app.state.service = service
    say = service.spec.say_on_pages
    problems.install(app, say, begin=service.spec.pages_at)
    app.include_router(pages)

    def refuse(scope: Scope, problem: Problem) -> ASGIApp:
        return say(Request({**scope, "app": app}), problem)

    app.add_middleware(Edge, service="pages", sizes=_sizes(service), refuse=refuse)
    return app


def _sizes(service: Service) -> Sizes:
    return Sizes(service.settings.max_body_bytes, service.spec.uploads)


def _docs(app: FastAPI) -> str:
    return f"/{app.state.service.name}/docs"


def _home(app: FastAPI) -> str:
    home: str = app.state.service.spec.pages_at
    return home
