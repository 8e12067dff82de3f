"""A real Chromium opens the page: numbers move by themselves, in both languages, quietly, for everyone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

import httpx
import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from phongtrao.serving import address, bind, serving
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from shared.clock import VIETNAM
from tests.browser.registry_site import violations
from tests.support import campaign
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, stack

pytestmark = pytest.mark.browser
BUDGET = 100 * 1024
"""Bytes of a first visit, everything included (design: first page within 100 KB)."""


class Site(NamedTuple):
    """A running site with a campaign."""

    url: str
    officer: httpx.AsyncClient
    members: list[str]


@pytest.fixture(scope="module")
async def site(postgres: Postgres, own_nats: Nats) -> AsyncIterator[Site]:
    """One site for all tests here: one member of three has reached the quota."""
    specs, clock = (REGISTRY, OUTREACH, COURSES, REPORTING), HandClock(datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM))
    async with stack(*specs, postgres=postgres, nats=own_nats, clock=clock) as running:
        sock = bind("127.0.0.1", 0)
        without_lifespan = Starlette(routes=[Mount("/", running.app)])  # the stack runs it already
        async with serving(without_lifespan, sock):
            officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
            members = await campaign.launch(officer)
            pos = await campaign.guide(officer, members[0], range(7))
            await campaign.ok(officer.get("/reporting/overview", params={"min_pos": pos}))
            yield Site(address(sock), officer, members)


class Watched(NamedTuple):
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str]
    outside: list[str]


async def _open(browser: Browser, site: Site, path: str = "/", *, width: int = 1280, dark: bool = False) -> Watched:
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", locale="vi-VN"
    )
    page = await context.new_page()
    watched = Watched(page, [], [])
    page.on("console", lambda m: watched.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: watched.complaints.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith((site.url, "data:")) else watched.outside.append(r.url))
    await page.goto(site.url + path)
    return watched


async def _quiet(watched: Watched) -> None:
    assert watched.complaints == []
    assert watched.outside == []


async def test_numbers_move_while_one_looks(site: Site, browser: Browser) -> None:
    watched = await _open(browser, site)
    answer = watched.page.locator("#answer")
    await expect(answer).to_contain_text("1 trong 3 thành viên")

    await campaign.guide(site.officer, site.members[1], range(20, 27))

    await expect(answer).to_contain_text("2 trong 3 thành viên", timeout=15_000)
    await expect(answer).to_contain_text("66,7", timeout=15_000)
    await _quiet(watched)


async def test_the_page_speaks_vietnamese_first_and_english_on_request(site: Site, browser: Browser) -> None:
    watched = await _open(browser, site)
    assert await watched.page.get_attribute("html", "lang") == "vi"
    assert "thành viên" in (await watched.page.inner_text("main")).lower()

    await watched.page.get_by_role("link", name="English").click()
    await watched.page.wait_for_selector("html[lang=en]")
    text = (await watched.page.inner_text("main")).lower()
    assert "members" in text
    assert "thành viên" not in text
    await _quiet(watched)


@pytest.mark.parametrize("path", ["/", "/?lang=en", "/?unit=533", "/registry/docs", "/outreach/docs/events"])
@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
async def test_axe_finds_no_violation(site: Site, browser: Browser, path: str, width: int, dark: bool) -> None:
    watched = await _open(browser, site, path, width=width, dark=dark)
    assert await violations(watched.page) == []
    await _quiet(watched)


async def test_nothing_is_wider_than_a_cheap_phone(site: Site, browser: Browser) -> None:
    watched = await _open(browser, site, width=360)
    assert await watched.page.evaluate("document.documentElement.scrollWidth") <= 360
    small = await watched.page.evaluate(
        "[...document.querySelectorAll('nav a, .tile, a.tile, button')]"
        ".filter(e => { const r = e.getBoundingClientRect(); return r.width && r.height < 44 }).map(e => e.outerHTML)"
    )
    assert small == []


async def test_a_first_visit_is_light_and_complete_without_its_script(site: Site, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url)
    assert "trong 3 thành viên" in await page.inner_text("#answer")
    assert "Mộ Đức" in await page.inner_text("main")

    total = 0
    async with httpx.AsyncClient(base_url=site.url) as client:
        html = await client.get("/")
        total += len(html.content)
        links = await page.eval_on_selector_all("link[rel=stylesheet], link[rel=preload]", "es => es.map(e => e.href)")
        scripts = await page.eval_on_selector_all("script[src]", "es => es.map(e => e.src)")
        for address_ in {*links, *scripts}:
            total += len((await client.get(address_)).content)
    assert total <= BUDGET, f"a first visit weighs {total / 1024:.0f} KB before compression"
