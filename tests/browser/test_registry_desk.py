"""A real Chromium on the desk and the pages behind it: people's data, requests, merging, a reform of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.registry_site import SMALL, Site, context_of, open_page, violations
from tests.support.sheets import TEAM, filled
from tests.support.world import DUC_NHUAN, MO_DUC, TOWN, a_member, ok, team_of

pytestmark = pytest.mark.browser
PAGES = (
    "/so", "/so?q=tra+bui", "/so/yeu-cau", "/so/yeu-cau/ghi?q=nguyen", "/so/nguoi/{member}", "/so/nguoi/{member}/sua",
    "/so/nguoi/{member}?why=call", "/so/nguoi/{member}/xoa", "/so/nhat-ky?lang=en", "/so/dau-moi",
    "/so/dau-moi?team_id={team}&why=call", "/so/dau-moi/them?team_id={team}", "/so/to/{team}/gop",
    "/so/to/{team}/them-nguoi-cu?q=nguyen", "/so/sap-xep/soan", "/so/sap-xep/soan?what=merge&within=533&level=commune",
    "/so/sap-xep/soan?what=split&within=533&level=commune&unit=21400",
    "/so/sap-xep/soan?what=promote&within=533&level=commune&unit=21400",
)  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
async def test_axe_finds_no_violation_and_the_pages_fit(site: Site, browser: Browser, width: int, dark: bool) -> None:
    context = await context_of(browser, site, width=width, dark=dark)
    watched = await open_page(context, site, "/so")
    page = watched.page
    for path in PAGES:
        await page.goto(site.url + site.path(path))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert await violations(page) == [], path
        if width == 360:
            assert await page.evaluate(SMALL) == [], path
    assert watched.complaints == []
    await context.close()


async def test_the_desk_leads_to_a_team_and_a_known_person_joins_it_without_a_script(
    site: Site, browser: Browser
) -> None:
    away, _, _ = await team_of(site.officer, DUC_NHUAN)
    known = a_member(full_name="Đinh Thị Đã Biết")
    await ok(site.officer.post(f"/registry/teams/{away}/members", json=known), 201)
    page = (await open_page(await context_of(browser, site, script=False), site, "/so")).page
    await page.fill("#q", "mo duc")
    await page.get_by_role("button", name="Tìm").click()
    assert "kết quả cho «mo duc»" in await page.inner_text("main")
    await page.goto(site.url + site.path("/so/to/{team}"))
    await page.get_by_role("link", name="Thêm người đã có trong sổ").click()
    await page.fill("#q", "dinh thi da biet")
    await page.get_by_role("button", name="Tìm").click()
    await page.fill("#joined_on", "1/2/2025")
    await page.get_by_role("button", name="Thêm vào tổ").click()
    assert "Đã thêm thành viên." in await page.inner_text("main")
    await page.get_by_role("table").get_by_role("link", name="Đinh Thị Đã Biết", exact=True).click()
    assert await page.locator("table tbody tr").count() == 2
    await page.context.close()


async def test_a_request_is_filed_looked_into_and_answered_by_keyboard(site: Site, browser: Browser) -> None:
    watched = await open_page(await context_of(browser, site, width=360), site, "/so/yeu-cau/ghi")
    page = watched.page
    await page.fill("#q", "nguyen van thu")
    await page.keyboard.press("Enter")
    await _choose(page, "member_id")
    await _choose(page, "kind")
    await page.keyboard.press("Tab")
    await page.keyboard.type("30/2/2025")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("phải là ngày có thật")
    assert await violations(page) == []
    await page.fill("#on", "")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("đồng hồ đang chạy")
    await page.get_by_role("link", name="Xem dữ liệu").press("Enter")
    await expect(page.locator("h1")).to_have_text("Nguyễn Văn Thử")
    await page.go_back()
    await _choose(page, "outcome")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Đã ghi kết quả trả lời.")
    assert await violations(page) == []
    assert [c for c in watched.complaints if "422" not in c] == []  # the refusal that was asked for
    await page.context.close()


async def _choose(page: Page, name: str) -> None:
    """The first of these radio buttons, by its key."""
    await page.locator(f"input[name={name}]").first.focus()
    await page.keyboard.press("Space")


async def test_two_teams_become_one_after_a_look_at_who_moves(site: Site, browser: Browser) -> None:
    ending, _, _ = await team_of(site.officer, TOWN, members=2)
    watched = await open_page(await context_of(browser, site), site, f"/so/to/{ending}")
    page = watched.page
    await page.get_by_role("link", name="Sáp nhập vào tổ khác").click()
    await page.select_option("#into_team_id", site.team_id)
    await page.fill("#effective_on", "1/7/2025")
    await page.get_by_role("button", name="Xem ai chuyển").click()
    await page.locator("input[name=leader_id]").first.check()
    await page.get_by_role("button", name="Xem ai chuyển").click()
    await expect(page.locator("h1")).to_contain_text("2 người sang «Tổ» từ ngày 01/07/2025?")
    assert await violations(page) == []
    await page.get_by_role("button", name="Sáp nhập tổ").click()
    await expect(page.get_by_role("status")).to_contain_text("Đã sáp nhập tổ")
    assert watched.complaints == []
    await page.context.close()


async def test_a_decision_of_ones_own_is_drafted_previewed_and_carried_out(site: Site, browser: Browser) -> None:
    watched = await open_page(await context_of(browser, site), site, "/so/sap-xep")
    page = watched.page
    await page.get_by_role("link", name="Soạn một sắp xếp khác").click()
    await page.get_by_label("Sáp nhập nhiều đơn vị thành một").check()
    await page.select_option("#within", MO_DUC)
    await page.get_by_role("button", name="Chọn đơn vị").click()
    await page.get_by_label("Xã Đức Tân").check()
    await page.get_by_label("Xã Đức Phong").check()
    await page.get_by_role("button", name="Tiếp tục").click()
    await page.get_by_label("Tên đầy đủ").fill("Xã Tân Phong")
    for name, text in (("number", "7/NQ"), ("title", "Về sáp nhập"), ("issuer", "HĐND"), ("issued_on", "1/6/2025")):
        await page.locator(f'[name="plan.legal_basis.{name}"]').fill(text)
    await page.locator('[name="plan.effective_on"]').fill("1/7/2025")
    await page.get_by_role("button", name="Xem thử").click()
    await expect(page.locator("main")).to_contain_text("Xã Tân Phong từ Xã Đức Phong, Xã Đức Tân")
    assert await violations(page) == []
    await page.get_by_role("button", name="Tiếp tục").click()
    assert await violations(page) == []
    await page.get_by_role("button", name="Thực hiện").click()
    await expect(page.get_by_role("status")).to_contain_text("Đã thực hiện.")
    await page.get_by_role("link", name="Xem bản đồ mới").click()
    await expect(page.locator("h1")).to_contain_text("169 đơn vị cấp xã")
    assert watched.complaints == []
    await page.context.close()


async def test_an_upload_is_written_and_its_page_says_so(site: Site, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "danh-sach.xlsx"
    file.write_bytes(filled([{**TEAM, "team_name": "Tổ được ghi", "full_name": "Lê Thị Ghi"}]))
    watched = await open_page(await context_of(browser, site), site, "/so/nhap")
    page = watched.page
    await page.set_input_files("#file", file)
    await page.get_by_role("button", name="Tải lên và kiểm tra").click()
    await page.get_by_role("button", name="Ghi 1 dòng").click(timeout=30_000)
    await expect(page.locator("h1")).to_contain_text("Đã ghi 1 dòng", timeout=30_000)
    assert watched.complaints == []
    await page.context.close()


async def test_on_paper_there_is_no_navigation_and_no_control(site: Site, browser: Browser) -> None:
    context = await context_of(browser, site)
    page = (await open_page(context, site, "/so/to/{team}")).page
    await page.emulate_media(media="print", color_scheme="dark")
    seen = (
        "[...document.querySelectorAll('nav, form, button, .buttons, .acts, .top')].filter(e => e.offsetHeight).length"
    )
    assert await page.evaluate(seen) == 0
    await expect(page.get_by_text("Độc lập - Tự do - Hạnh phúc")).to_be_visible()
    colours = "[getComputedStyle(document.body).color, getComputedStyle(document.querySelector('td')).color]"
    assert await page.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(0, 0, 0)"]
    rows = "[...document.querySelectorAll('tbody tr')].every(e => getComputedStyle(e).breakInside === 'avoid')"
    assert await page.evaluate(rows)
    await context.close()
