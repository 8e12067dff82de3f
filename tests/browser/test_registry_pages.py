"""A real Chromium on registry's pages: the slider, the forms, the keyboard, a phone, both languages, no script."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from shared.auth import COOKIE
from tests.browser.registry_site import SMALL, Site, context_of, open_page, violations
from tests.support.sheets import TEAM, filled
from tests.support.world import TOWN

pytestmark = pytest.mark.browser
BUDGET = 100 * 1024
"""Bytes of a first visit as they come over the wire."""
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
        context = await context_of(browser, site, width=width, dark=dark)
        watched = await open_page(context, site, path)
        assert await watched.page.evaluate("document.documentElement.scrollWidth") <= width
        assert await violations(watched.page) == []
        assert watched.complaints == []
        await context.close()


@pytest.mark.parametrize("path", ["/so/don-vi?open=1", "/so/to", "/so/to/lap", "/so/nhap", "/so/sap-xep/thu/2025-07"])
async def test_everything_to_touch_is_large_enough(site: Site, browser: Browser, path: str) -> None:
    context = await context_of(browser, site, width=360)
    watched = await open_page(context, site, path)
    assert await watched.page.evaluate(SMALL) == []
    await context.close()


async def test_the_slider_moves_through_the_maps_by_keyboard(site: Site, browser: Browser) -> None:
    context = await context_of(browser, site, signed_in=False)
    watched = await open_page(context, site, "/so/don-vi")
    page = watched.page
    await expect(page.locator("h1")).to_contain_text("170 đơn vị cấp xã")
    slider = page.get_by_role("slider")
    await slider.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("h1")).to_contain_text("173 đơn vị cấp xã")
    await expect(page.get_by_label("Ngày", exact=True)).to_have_value("03/07/2023")  # a team's day
    await expect(slider).to_be_focused()
    await expect(slider).to_have_attribute("aria-valuetext", "01/02/2020")
    assert page.url.endswith("?on=2023-07-03")
    await page.keyboard.press("End")
    await expect(page.locator("h1")).to_contain_text("170 đơn vị cấp xã")
    assert watched.complaints == []
    await context.close()


async def test_pages_are_read_and_forms_are_sent_without_a_script(site: Site, browser: Browser) -> None:
    context = await context_of(browser, site, script=False)
    watched = await open_page(context, site, "/so/don-vi?on=28/07/2023")
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
    context = await context_of(browser, site, width=360)
    watched = await open_page(context, site, "/so/to/lap")
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
    assert await violations(page) == []
    await page.fill("#decision_date", "29/2/2024")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Tổ thử bàn phím")
    await expect(page.get_by_role("status")).to_contain_text("Đã lập tổ.")
    await context.close()


async def test_an_upload_is_followed_and_its_wrong_cell_is_seen(site: Site, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "danh-sach.xlsx"
    file.write_bytes(filled([{**TEAM, "team_name": "Tổ nhập", "full_name": "Lê An", "joined_on": "31/02/2023"}]))
    context = await context_of(browser, site)
    watched = await open_page(context, site, "/so/nhap")
    page = watched.page
    await page.set_input_files("#file", file)
    await page.get_by_role("button", name="Tải lên và kiểm tra").click()
    await expect(page.locator("h1")).to_contain_text("1 dòng chưa ghi được", timeout=30_000)
    await expect(page.locator("td.is-wrong")).to_contain_text("31/02/2023")
    assert await violations(page) == []
    assert watched.complaints == []
    await context.close()


async def test_one_comes_from_the_numbers_to_the_registry_and_back(site: Site, browser: Browser) -> None:
    context = await context_of(browser, site)
    watched = await open_page(context, site, "/")
    page = watched.page
    await page.get_by_role("link", name="Bản đồ", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("đơn vị cấp xã")
    await page.get_by_role("link", name="Các tổ", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("tổ")
    await page.get_by_role("link", name="Số liệu", exact=True).click()
    assert page.url == site.url + "/"
    await context.close()


async def test_the_pages_speak_english_on_request_and_keep_the_day(site: Site, browser: Browser) -> None:
    context = await context_of(browser, site)
    watched = await open_page(context, site, "/so/don-vi?on=2023-07-28")
    page = watched.page
    await page.get_by_role("link", name="English").click()
    await page.wait_for_selector("html[lang=en]")
    await expect(page.locator("h1")).to_contain_text("On 28 Jul 2023")
    await expect(page.locator("h1")).to_contain_text("173 commune-level units")
    await context.close()


@pytest.mark.parametrize("path", ["/so", "/so/don-vi", "/so/to", "/so/sap-xep/thu/2025-07"])
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
