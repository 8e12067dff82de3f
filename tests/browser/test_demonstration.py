"""A real Chromium sends the demonstration's clock on, carries both reforms of 2025 out and looks at the three maps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from phongtrao import sign_in, simulate
from phongtrao.client import Api, signing
from phongtrao.demo_clock import AFTER_REFORMS, END, Moment, load
from phongtrao.demonstration import Demonstration
from phongtrao.personas import personas
from phongtrao.province import DEMO_UNIT, VILLAGES
from phongtrao.serving import address, bind, serving
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared import problems
from tests.browser.registry_site import SMALL, violations
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.stack import KEY, Stack, nats_config, stack

pytestmark = pytest.mark.browser
FROM_HERE = {"sec-fetch-site": "same-origin"}


class Site(NamedTuple):
    """A demonstration of a few teams that nobody has started yet."""

    url: str
    demo: Demonstration
    file: Path
    running: Stack
    api: Api


@pytest.fixture
async def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The four services on the demonstration's clock, with the sign-in as under `up`."""
    folder = tmp_path_factory.mktemp("demonstration")
    nats = new_nats(folder, config=nats_config())
    await nats.start()
    try:
        async with _at_work(postgres, nats, folder / "clock.json") as started:
            yield started
    finally:
        await nats.stop()
        nats.remove()


@asynccontextmanager
async def _at_work(postgres: Postgres, nats: Nats, file: Path) -> AsyncIterator[Site]:
    demo = Demonstration(file, Moment(share=0.02), speed=40_000)
    specs = (REGISTRY, OUTREACH, COURSES, REPORTING)
    async with stack(*specs, postgres=postgres, nats=nats, clock=demo.clock, embedded=True) as running:
        reporting, door = running.services["reporting"], FastAPI()
        problems.install(door, begin="/sign-in")
        door.include_router(sign_in.routes(reporting, personas(2023, demo=True), KEY, demo))
        door.mount("/", running.app)
        sock = bind("127.0.0.1", 0)
        async with serving(door, sock), Api(address(sock), signing(KEY, reporting.settings)) as api:
            await simulate.load_units(api)
            yield Site(address(sock), demo, file, running, api)


async def send_on(site: Site, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=site.url) as client:
        return await client.post("/sign-in/clock", headers=headers)


async def test_the_clock_goes_on_and_the_three_maps_are_reached(site: Site, browser: Browser) -> None:
    early, forged = await send_on(site, FROM_HERE), await send_on(site, {"sec-fetch-site": "cross-site"})
    assert (early.status_code, forged.status_code) == (409, 403)
    assert "chưa dựng xong" in early.text

    said: list[str] = []
    playing = asyncio.create_task(site.demo.play(site.api, said.append))
    async with asyncio.timeout(30):
        while site.api.counts["accepted"] < 5:
            await asyncio.sleep(0.02)
    assert (await send_on(site, {"sec-fetch-site": "cross-site"})).status_code == 403
    assert site.demo.clock() < END
    await _villages_are_there(site)

    context = await browser.new_context(viewport={"width": 360, "height": 900}, locale="vi-VN")
    page = await context.new_page()
    await page.goto(site.url + "/sign-in")
    assert (await violations(page), await page.evaluate(SMALL)) == ([], [])
    await page.get_by_role("button", name="Đi tới 02/07/2025").click()
    await expect(page.locator("#clock-title")).to_contain_text("ngày 02/07/2025")
    await playing
    await _stopped_for_good(site, said)
    assert (await violations(page), await page.evaluate(SMALL)) == ([], [])
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360

    await page.get_by_role("button", name="Mở Sắp xếp").click()
    for left in ("2 quyết định", "1 quyết định"):
        await expect(page.locator("h1")).to_contain_text(left)
        await _carry_out_the_first(page)
        await page.goto(site.url + "/so/sap-xep")
    await _slide_through_the_maps(page, site)
    await context.close()


async def _villages_are_there(site: Site) -> None:
    found = await site.api.get("/registry/units", within=DEMO_UNIT, level="village")
    assert [unit["name"] for unit in found["items"]] == list(VILLAGES[DEMO_UNIT])
    whole = await site.api.get("/registry/units", level="village")
    assert whole["total"] == sum(map(len, VILLAGES.values()))


async def _stopped_for_good(site: Site, said: list[str]) -> None:
    """Nothing comes after the jump; a second one changes nothing; the folder knows."""
    assert "the simulated people have stopped" in said[-1]
    stands, events = load(site.file, Moment()), await site.running.log("outreach")
    assert (stands.now, stands.played, stands.ready) == (AFTER_REFORMS, AFTER_REFORMS, True)
    before = site.demo.clock()
    again = await asyncio.gather(*(send_on(site, FROM_HERE) for _ in range(2)))
    assert [(a.status_code, a.headers["location"]) for a in again] == [(303, "/sign-in")] * 2
    assert before < site.demo.clock()
    assert await site.running.log("outreach") == events
    assert all(event.occurred_at < END for event in events)


async def _carry_out_the_first(page: Page) -> None:
    await page.get_by_role("link", name="Xem thử").first.click()
    await page.locator("main form button.primary").click()
    await page.get_by_role("button", name="Thực hiện").click()
    await page.wait_for_url("**?done=1")


async def _slide_through_the_maps(page: Page, site: Site) -> None:
    await page.goto(site.url + "/so/don-vi")
    await expect(page.locator("h1")).to_contain_text("96 đơn vị cấp xã")
    for communes in ("170 đơn vị cấp xã", "173 đơn vị cấp xã"):
        await page.locator("#slider").press("ArrowLeft")
        await expect(page.locator("h1")).to_contain_text(communes)
