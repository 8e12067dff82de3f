"""A real Chromium on the pages of imports: a wide table on a phone, a file of another form, a file that is given up."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, expect

from services.registry.imports.kinds import Kind
from tests.browser.registry_site import SMALL, Site, context_of, open_page, violations
from tests.support.sheets import TEAM, filled, upload

pytestmark = pytest.mark.browser
SHEET = "document.querySelector('.sheet')"


async def waiting(officer: httpx.AsyncClient) -> str:
    """The page of an upload with a good line and two wrong ones, all columns in use."""
    whole = {
        **TEAM, "team_name": "Tổ công nghệ số cộng đồng Thị trấn Mộ Đức", "district": "Huyện Mộ Đức",
        "full_name": "Lê Thị Ánh Nguyệt", "phone": "090 123 4567", "role": "Tổ trưởng", "joined_on": "5/7/2023",
    }  # fmt: skip
    lines = [whole, {**whole, "role": None, "joined_on": "31/02/2023"}, {**whole, "full_name": "Bùi An", "level": None}]
    found = await upload(officer, filled(lines), file_name="danh-sach-to.xlsx")
    return f"/so/nhap/{found['import_id']}"


@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_on_a_phone_each_line_is_a_block_with_its_columns_named(site: Site, browser: Browser, lang: str) -> None:
    path = await waiting(site.officer)
    context = await context_of(browser, site, width=360, dark=lang == "en")
    page = (await open_page(context, site, f"{path}?outcome=all&lang={lang}")).page
    assert await page.evaluate(f"{SHEET}.scrollWidth <= {SHEET}.clientWidth"), "nothing is out of sight"
    cell = page.locator("td.is-wrong").first
    named = await cell.evaluate("e => getComputedStyle(e, '::before').content")
    assert named.strip('"') == {"vi": "Ngày tham gia: ", "en": "Joined on: "}[lang]
    missing = page.locator("td.is-wrong:empty")
    await expect(missing).to_be_visible()  # it is empty, and that is what is wrong
    assert await page.locator("td:empty:not(.is-wrong)").filter(visible=True).count() == 0
    assert await violations(page) == []
    assert await page.evaluate(SMALL) == []
    await context.close()


async def test_on_a_screen_the_edge_tells_that_there_is_more_until_the_end_is_reached(
    site: Site, browser: Browser
) -> None:
    path = await waiting(site.officer)
    context = await context_of(browser, site, width=1000)
    page = (await open_page(context, site, f"{path}?outcome=all")).page
    table = page.locator(".sheet")
    assert await page.evaluate(f"{SHEET}.scrollWidth > {SHEET}.clientWidth")
    await expect(table).not_to_have_css("mask-image", "none")
    await page.evaluate(f"{SHEET}.scrollLeft = 10000")
    await expect(table).to_have_css("mask-image", "none")
    narrow = [{"village": "Thôn Hai", "unit": "Xã Không Có", "valid_from": "1/7/2023"}]
    found = await upload(site.officer, filled(narrow, Kind.VILLAGES), Kind.VILLAGES.value)
    await page.goto(f"{site.url}/so/nhap/{found['import_id']}")
    await expect(table).to_have_css("mask-image", "none")  # all of it is to be seen
    await context.close()


async def test_a_file_of_another_form_leads_to_its_form(site: Site, browser: Browser) -> None:
    failed = await upload(site.officer, filled([TEAM]), Kind.VILLAGES.value)
    for width in (360, 1280):
        context = await context_of(browser, site, width=width)
        page = (await open_page(context, site, f"/so/nhap/{failed['import_id']}")).page
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.get_by_role("link", name="Tải lên lại là «Tổ và thành viên»").click()
        await expect(page.get_by_label("Tổ và thành viên", exact=True)).to_be_checked()
        await context.close()


async def test_a_file_is_given_up_by_keyboard_after_a_question(site: Site, browser: Browser) -> None:
    path = await waiting(site.officer)
    context = await context_of(browser, site, width=360)
    watched = await open_page(context, site, path)
    page = watched.page
    await page.get_by_role("link", name="Bỏ tệp này").press("Enter")
    await expect(page.locator("h1")).to_have_text("Bỏ tệp «danh-sach-to.xlsx»?")
    assert await violations(page) == []
    assert await page.evaluate(SMALL) == []
    await page.get_by_role("link", name="Thôi").click()
    await expect(page.locator("h1")).to_contain_text("2 dòng chưa ghi được")
    await page.get_by_role("link", name="Bỏ tệp này").click()
    await page.get_by_role("button", name="Bỏ tệp").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Đã bỏ tệp")
    await page.goto(site.url + path)
    await expect(page.locator("h1")).to_have_text("Tệp này đã được bỏ")
    assert watched.complaints == []
    await context.close()
