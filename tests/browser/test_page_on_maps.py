"""A real Chromium chooses a map on the province's page: numbers add up and move, quietly, on a phone and on a wall."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from phongtrao.serving import address, bind, serving
from services.registry import editions
from services.reporting import views
from shared.auth import Role
from tests.browser.registry_site import violations
from tests.service.reforms import LY_SON, TAY_TRA_BONG, V1, V2
from tests.service.test_organisation_results import COURSE
from tests.support import figures
from tests.support.servers import Nats, Postgres
from tests.support.world import ok
from tests.system.test_reforms import Done, World, an_item, province, reform

pytestmark = pytest.mark.browser
PEOPLE = {"headcount": 40, "valid_from": "2023-07-01"}
PLACES = [V1, V2, LY_SON, "533", *(u.unit_id for u in editions.units("2023") if u.district_id in {"535", "522"})]
BEFORE, BETWEEN, NOW = "Bản đồ 2023", "Bản đồ 1/2025", "Bản đồ 7/2025, hiện nay"
SMALL = """[...document.querySelectorAll('#maps a, .tile')].filter(e => e.getBoundingClientRect().height < 44)
  .map(e => e.outerHTML)"""
"""Links too low for a finger."""
CUT = """[...document.querySelectorAll('.tile, .tile *:not(.vh), #maps a, .group-name')].filter(e =>
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth || (e.closest('.tile') &&
  e.getBoundingClientRect().right > e.closest('.tile').getBoundingClientRect().right + 1)).map(e => e.outerHTML)"""
"""What is wider than its place."""


class Site(NamedTuple):
    """A running site after both reforms of 2025."""

    url: str
    world: World


@pytest.fixture(scope="module")
async def site(postgres: Postgres, own_nats: Nats) -> AsyncIterator[Site]:
    """Teams in two districts, at two villages of Trà Bùi and on Lý Sơn; organisations, three of them with learners."""
    async with province(postgres, own_nats, PLACES) as world:
        await ok(world.running.client(Role.OPERATOR, units=["51"]).post("/registry/plans/2023/organisations"), 201)
        await ok(world.officer.post("/courses/courses", json=COURSE), 201)
        await ok(world.officer.post("/registry/organisations/so-y-te/headcounts", json=PEOPLE), 201)
        await world.running.caught_up()
        for learns_for in ("tinh-doan", "so-y-te", "vnpt", None):
            learner = world.running.client(Role.LEARNER, subject=f"l-{learns_for}", organisation_id=learns_for)
            sheet = {"attempt_id": f"a-{learns_for}", "answers": {"q": ["a"]}}
            await ok(learner.post("/courses/courses/dvc/enrolments", json={}), 201)
            await ok(learner.post("/courses/courses/dvc/attempts", json=sheet), 201)
        await reform(world)
        sock = bind("127.0.0.1", 0)
        async with serving(Starlette(routes=[Mount("/", world.running.app)]), sock):
            yield Site(address(sock), world)


class Watched(NamedTuple):
    """A page, and what went wrong on it."""

    page: Page
    complaints: list[str]


async def look(browser: Browser, site: Site, path: str, *, width: int = 1280, dark: bool = False) -> Watched:
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", locale="vi-VN"
    )
    page = await context.new_page()
    watched = Watched(page, [])
    page.on("console", lambda m: watched.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: watched.complaints.append(str(e)))
    await page.goto(site.url + path)
    await expect(page.locator("html")).to_have_attribute("data-link", "live", timeout=15_000)
    return watched


async def sessions(page: Page) -> dict[str, int | None]:
    """Sessions by unit, of the table as it stands there now; it adds up."""
    found = figures.read(await page.locator("body").inner_html())
    assert found.sums() == found.total.numbers
    return {line.key: line.numbers[-1] for line in found.units}


async def test_a_map_is_chosen_and_its_numbers_move_while_one_looks(site: Site, browser: Browser) -> None:
    watched = await look(browser, site, "/?lang=vi")
    page = watched.page
    chosen = page.locator("#maps a[aria-current]")
    await expect(chosen).to_contain_text(BEFORE)
    then = await sessions(page)

    await page.get_by_role("link", name=NOW).click()
    await expect(chosen).to_contain_text(NOW)
    await expect(page.locator("html")).to_have_attribute("data-link", "live", timeout=15_000)
    assert page.url.endswith("/?map=2025-07")
    before = await sessions(page)
    assert sum(n or 0 for n in before.values()) == sum(n or 0 for n in then.values())

    row = page.locator(f"#row-{TAY_TRA_BONG}")
    await expect(row.locator("td").last).to_have_text(str(before[TAY_TRA_BONG]))
    met = [an_item(Done(f"t-{V2}", 800_000 + n), "2023-07-31") for n in range(7)]
    assert {r["result"] for r in await site.world.send(site.world.officer, *met)} == {"accepted"}
    grown = (before[TAY_TRA_BONG] or 0) + 7
    await expect(row.locator("td").last).to_have_text(str(grown), timeout=15_000)
    await expect(page.locator(f'#map [data-key="{TAY_TRA_BONG}"] .tile-share')).to_contain_text("100", timeout=15_000)
    after = await sessions(page)
    assert {unit: n for unit, n in after.items() if n != before[unit]} == {TAY_TRA_BONG: grown}
    await expect(chosen).to_contain_text(NOW)

    await page.get_by_role("link", name="English").click()
    await expect(chosen).to_contain_text("Map of July 2025, in force")
    await page.get_by_role("link", name="Map of January 2025").click()
    await expect(page.locator(".tiles > li")).to_have_count(13)
    await page.locator('.tiles a[href="/?unit=535&map=2025-01"]').click()
    await expect(chosen).to_contain_text("Map of January 2025")
    await page.get_by_role("link", name="Tỉnh Quảng Ngãi").click()
    await expect(chosen).to_contain_text("Map of January 2025")
    assert watched.complaints == []


@pytest.mark.parametrize(
    "path", ["/?map=2025-07&lang=vi", "/?map=2025-07&lang=en", "/?map=2023", "/?unit=535&map=2023"]
)
@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True), (1920, False)])
async def test_each_map_can_be_read_by_everyone(
    site: Site, browser: Browser, path: str, width: int, dark: bool
) -> None:
    watched = await look(browser, site, path, width=width, dark=dark)
    assert await violations(watched.page) == []
    assert await watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (await watched.page.evaluate(SMALL), await watched.page.evaluate(CUT)) == ([], [])
    assert watched.complaints == []


async def test_the_choice_works_without_a_script(site: Site, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url)
    for name, units in ((NOW, ".small-tile"), (BETWEEN, ".tiles .tile"), (BEFORE, ".tiles .tile")):
        await page.get_by_role("link", name=name).click()
        assert name in (await page.inner_text("#maps a[aria-current]")).replace("\u00a0", " ")
        assert await page.locator(units).count()
        assert await sessions(page)
    await context.close()


async def test_a_map_that_is_not_there_is_a_page_with_those_that_are(site: Site, browser: Browser) -> None:
    context = await browser.new_context(locale="vi-VN")
    page = await context.new_page()
    answer = await page.goto(site.url + "/?map=1999")
    assert answer
    assert answer.status == 422
    assert "«2025-07» (từ 01/07/2025)" in await page.inner_text("main")
    assert await violations(page) == []
    await context.close()


async def test_a_phone_folds_a_long_table_and_keeps_it_as_the_reader_has_it(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "LONG", 5)
    path = "/?map=2025-07&lang=vi"
    page = (await look(browser, site, path, width=360)).page
    row, table = page.locator(f"#row-{TAY_TRA_BONG}"), page.locator("#league details")
    folded = await page.evaluate("document.documentElement.scrollHeight")
    await expect(row).not_to_be_visible()
    assert await table.locator("summary").evaluate("e => e.getBoundingClientRect().height") >= 44

    await page.locator(f'#map [data-key="{TAY_TRA_BONG}"] a').click()
    await expect(row, "a tile leads to its row").to_be_visible()
    await page.locator("#courses summary").click()
    await expect(page.locator("#courses details")).to_contain_text("46 nơi")
    assert await page.evaluate("document.documentElement.scrollHeight") > folded + 300
    assert await violations(page) == []
    before = await row.locator("td").last.inner_text()
    await site.world.send(site.world.officer, an_item(Done(f"t-{V2}", 810_000), "2023-07-31"))
    await expect(row.locator("td").last).not_to_have_text(before, timeout=15_000)
    await expect(table, "numbers move, and it stays open").to_have_attribute("open", "")

    await page.evaluate("document.querySelector('#league details').open = false")
    await expect(row).not_to_be_visible()
    await page.evaluate("history.replaceState(null, '', location.hash); dispatchEvent(new Event('hashchange'))")
    await expect(row, "where the browser does not unfold, the script does").to_be_visible()

    wall = (await look(browser, site, path, width=1920)).page
    await expect(wall.locator(f"#row-{TAY_TRA_BONG}")).to_be_visible()
    await expect(wall.locator("#league summary")).not_to_be_visible()


@pytest.mark.parametrize(
    ("lang", "people"), [("vi", "2,5 % của 40 người đã đạt"), ("en", "2.5% of 40 people have passed")]
)
async def test_groups_of_the_plan_are_shown_with_their_people(
    site: Site, browser: Browser, lang: str, people: str
) -> None:
    page = (await look(browser, site, f"/?lang={lang}", width=360)).page
    groups = page.locator("#courses table").first
    await expect(groups.locator("tbody tr")).to_have_count(9)
    await expect(groups.locator("tfoot tr")).to_have_count(3)
    await expect(groups.locator("tfoot tr").last).to_contain_text("4 / 4")
    await page.locator("#courses summary").click()
    await expect(page.locator("#courses details tr", has_text="Sở Y tế")).to_contain_text(people)


async def test_a_long_table_is_unfolded_without_a_script(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "LONG", 5)
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = await context.new_page()
    await page.goto(site.url + "/?map=2025-07")
    await page.locator("#league summary").click()
    await expect(page.locator(f"#row-{TAY_TRA_BONG}")).to_be_visible()
    await context.close()
