"""A real Chromium on registry's pages: the slider, the forms, the keyboard, a phone, both languages, no script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from phongtrao.serving import address, bind, serving
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import COOKIE, Role
from tests.support import chromium
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.sheets import TEAM, filled
from tests.support.stack import HandClock, nats_config, stack
from tests.support.world import TOWN, ok, team_of

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
BUDGET = 100 * 1024
"""Bytes of a first visit as they come over the wire."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)


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


@pytest.fixture(scope="module")
async def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One site for all tests here."""
    nats = new_nats(tmp_path_factory.mktemp("browser"), config=nats_config())
    try:
        async with _at_work(postgres, nats) as started:
            yield started
    finally:
        await nats.stop()
        nats.remove()


@asynccontextmanager
async def _at_work(postgres: Postgres, nats: Nats) -> AsyncIterator[Site]:
    await nats.start()
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


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=str(chromium.find()), args=FLAGS)
        yield found
        await found.close()


class Watched(NamedTuple):
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str]


async def _context(
    browser: Browser, site: Site, *, width: int = 1280, dark: bool = False, script: bool = True, signed_in: bool = True
) -> BrowserContext:
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        locale="vi-VN",
        java_script_enabled=script,
    )
    if signed_in:
        await context.add_cookies([{"name": COOKIE, "value": site.token, "url": site.url, "sameSite": "Strict"}])
    return context


async def _open(context: BrowserContext, site: Site, path: str) -> Watched:
    page = await context.new_page()
    watched = Watched(page, [])
    page.on("console", lambda m: watched.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: watched.complaints.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith((site.url, "data:")) else watched.complaints.append(r.url))
    await page.goto(site.url + site.path(path))
    return watched


PAGES = (
    "/so/don-vi?on=28/07/2023&open=1", "/so/don-vi?q=nghia+an", "/so/don-vi?on=31/02/2023", "/so/don-vi/21262",
    "/so/to", "/so/to?q=xyz", "/so/to/{team}", "/so/to/{team}/them", "/so/to/{team}/chuyen", "/so/to/{team}/giai-the",
    "/so/to/{team}/{member}/chuyen", "/so/nhap", "/so/sap-xep", "/so/sap-xep/thu/2025-07", "/so/sap-xep/2025-01",
    "/so/sap-xep/2025-01/rut-lai", "/so/don-vi?lang=en", "/so/to/{team}?lang=en",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_axe_finds_no_violation_and_nothing_is_wider_than_a_cheap_phone(
    site: Site, browser: Browser, path: str
) -> None:
    for width, dark in ((360, True), (1280, False)):
        context = await _context(browser, site, width=width, dark=dark)
        watched = await _open(context, site, path)
        assert await watched.page.evaluate("document.documentElement.scrollWidth") <= width
        await watched.page.evaluate(AXE)
        found = await watched.page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [(v["id"], [n["html"][:150] for n in v["nodes"][:3]]) for v in found["violations"]] == []
        assert watched.complaints == []
        await context.close()


SMALL = """[...document.querySelectorAll(
    'nav a, button, select, input:not([type=hidden], [type=range]), summary, .go, .units a, .ticks a, th a'
  )].filter(e => {
    const box = (e.closest('label') ?? e).getBoundingClientRect();
    return box.width && box.height < 44;
  }).map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("path", ["/so/don-vi?open=1", "/so/to", "/so/to/lap", "/so/nhap", "/so/sap-xep/thu/2025-07"])
async def test_everything_to_touch_is_large_enough(site: Site, browser: Browser, path: str) -> None:
    context = await _context(browser, site, width=360)
    watched = await _open(context, site, path)
    assert await watched.page.evaluate(SMALL) == []
    await context.close()


async def test_the_slider_moves_through_the_maps_by_keyboard(site: Site, browser: Browser) -> None:
    context = await _context(browser, site, signed_in=False)
    watched = await _open(context, site, "/so/don-vi")
    page = watched.page
    await expect(page.locator("h1")).to_contain_text("170 đơn vị cấp xã")
    slider = page.get_by_role("slider")
    await slider.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("h1")).to_contain_text("173 đơn vị cấp xã")
    await expect(page.get_by_label("Ngày", exact=True)).to_have_value("01/02/2020")
    await expect(slider).to_be_focused()
    await expect(slider).to_have_attribute("aria-valuetext", "01/02/2020")
    assert page.url.endswith("?on=2020-02-01")
    await page.keyboard.press("End")
    await expect(page.locator("h1")).to_contain_text("170 đơn vị cấp xã")
    assert watched.complaints == []
    await context.close()


async def test_pages_are_read_and_forms_are_sent_without_a_script(site: Site, browser: Browser) -> None:
    context = await _context(browser, site, script=False)
    watched = await _open(context, site, "/so/don-vi?on=28/07/2023")
    page = watched.page
    await page.get_by_role("link", name="01/01/2025").click()
    assert "170 đơn vị cấp xã" in await page.inner_text("h1")
    await page.goto(site.url + site.path("/so/to/{team}/them"))
    await page.fill("#full_name", "Đỗ Thị Không Kịch Bản")
    await page.fill("#joined_on", "1/8/2024")
    await page.get_by_role("button", name="Thêm thành viên").click()
    assert "Đã thêm thành viên." in await page.inner_text("main")
    assert "Đỗ Thị Không Kịch Bản" in await page.inner_text("main")
    await context.close()


async def test_a_refused_form_leads_to_the_field_and_has_lost_nothing(site: Site, browser: Browser) -> None:
    context = await _context(browser, site, width=360)
    watched = await _open(context, site, "/so/to/lap")
    page = watched.page
    await page.select_option("#unit_id", TOWN)
    await page.fill("#name", "Tổ thử bàn phím")
    await page.fill("#decision_number", "1/QĐ")
    await page.fill("#decision_date", "30/2/2024")
    await page.fill("#formed_on", "1/3/2024")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("phải là ngày có thật")
    await page.get_by_role("alert").get_by_role("link").click()
    await expect(page.locator("#decision_date")).to_be_focused()
    await expect(page.locator("#decision_date")).to_have_value("30/2/2024")
    await expect(page.locator("#name")).to_have_value("Tổ thử bàn phím")
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [v["id"] for v in found["violations"]] == []
    await page.fill("#decision_date", "29/2/2024")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Tổ thử bàn phím")
    await expect(page.get_by_role("status")).to_contain_text("Đã lập tổ.")
    await context.close()


async def test_an_upload_is_followed_and_its_wrong_cell_is_seen(site: Site, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "danh-sach.xlsx"
    file.write_bytes(filled([{**TEAM, "team_name": "Tổ nhập", "full_name": "Lê An", "joined_on": "31/02/2023"}]))
    context = await _context(browser, site)
    watched = await _open(context, site, "/so/nhap")
    page = watched.page
    await page.set_input_files("#file", file)
    await page.get_by_role("button", name="Tải lên và kiểm tra").click()
    await expect(page.locator("h1")).to_contain_text("1 dòng chưa ghi được", timeout=30_000)
    await expect(page.locator("td.is-wrong")).to_contain_text("31/02/2023")
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [v["id"] for v in found["violations"]] == []
    assert watched.complaints == []
    await context.close()


async def test_one_comes_from_the_numbers_to_the_registry_and_back(site: Site, browser: Browser) -> None:
    context = await _context(browser, site)
    watched = await _open(context, site, "/")
    page = watched.page
    await page.get_by_role("link", name="Bản đồ", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("đơn vị cấp xã")
    await page.get_by_role("link", name="Các tổ", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("tổ")
    await page.get_by_role("link", name="Số liệu", exact=True).click()
    assert page.url == site.url + "/"
    await context.close()


async def test_the_pages_speak_english_on_request_and_keep_the_day(site: Site, browser: Browser) -> None:
    context = await _context(browser, site)
    watched = await _open(context, site, "/so/don-vi?on=2023-07-28")
    page = watched.page
    await page.get_by_role("link", name="English").click()
    await page.wait_for_selector("html[lang=en]")
    await expect(page.locator("h1")).to_contain_text("On 28 Jul 2023")
    await expect(page.locator("h1")).to_contain_text("173 commune-level units")
    await context.close()


@pytest.mark.parametrize("path", ["/so/don-vi", "/so/to", "/so/sap-xep/thu/2025-07"])
async def test_a_first_visit_is_light(site: Site, path: str) -> None:
    """As it comes over the wire: pages and styles compressed, as every browser asks for them."""
    headers = {"accept-encoding": "gzip", "cookie": f"{COOKIE}={site.token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as client:
        html = await client.get(path)
        found = {*_addresses(html.text)}
        assert any(a.endswith(".woff2") for a in found)
        total = 0
        for one in (path, *sorted(found)):
            async with client.stream("GET", one) as answer:
                assert answer.status_code == 200
                total += sum([len(part) async for part in answer.aiter_raw()])
    assert total <= BUDGET, f"a first visit weighs {total / 1024:.0f} KB"


def _addresses(html: str) -> list[str]:
    """What the head of a page loads."""
    head = html[: html.index("</head>")]
    return [part.split('"')[0] for part in head.replace('src="', 'href="').split('href="')[1:]]
