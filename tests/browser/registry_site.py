"""A running site and a browser for the tests of registry's pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from playwright.async_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.routing import Mount

from phongtrao.serving import address, bind, serving
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import COOKIE, Role
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, stack
from tests.support.world import TOWN, ok, team_of

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)

SMALL = """[...document.querySelectorAll(
    'nav a, button, select, input:not([type=hidden], [type=range]), summary, .go, .units a, .ticks a, th a'
  )].filter(e => {
    const box = (e.closest('label') ?? e).getBoundingClientRect();
    return box.width && box.height < 44;
  }).map(e => e.outerHTML.slice(0, 120))"""
"""What is too small for a finger."""


class Site(NamedTuple):
    """A running site in August 2025, after the reform of January, before it carried out the one of July."""

    url: str
    officer: httpx.AsyncClient
    token: str
    team_id: str
    member_id: str

    def path(self, template: str) -> str:
        """An address with the ids of this site."""
        return template.format(team=self.team_id, member=self.member_id)


@asynccontextmanager
async def at_work(postgres: Postgres, nats: Nats) -> AsyncIterator[Site]:
    """The site, as long as the block lasts."""
    specs = (REGISTRY, OUTREACH, COURSES, REPORTING)
    async with stack(*specs, postgres=postgres, nats=nats, clock=HandClock(NOW)) as running:
        sock = bind("127.0.0.1", 0)
        async with serving(Starlette(routes=[Mount("/", running.app)]), sock):
            officer = running.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
            await ok(officer.post("/registry/editions/2023"), 201)
            team_id, [member_id, *_], _ = await team_of(officer, TOWN, members=3)
            await team_of(officer, "21142")
            await ok(officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
            token = running.token(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
            yield Site(address(sock), officer, token, team_id, member_id)


class Watched(NamedTuple):
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str]


async def context_of(
    browser: Browser, site: Site, *, width: int = 1280, dark: bool = False, script: bool = True, signed_in: bool = True
) -> BrowserContext:
    """A browser of its own for somebody who is signed in, or not."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        locale="vi-VN",
        java_script_enabled=script,
    )
    if signed_in:
        await context.add_cookies([{"name": COOKIE, "value": site.token, "url": site.url, "sameSite": "Strict"}])
    return context


async def open_page(context: BrowserContext, site: Site, path: str) -> Watched:
    """A page; what it complains of is kept."""
    page = await context.new_page()
    watched = Watched(page, [])
    page.on("console", lambda m: watched.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: watched.complaints.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith((site.url, "data:")) else watched.complaints.append(r.url))
    await page.goto(site.url + site.path(path))
    return watched


async def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds, each with where."""
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [(v["id"], [n["html"][:150] for n in v["nodes"][:3]]) for v in found["violations"]]
