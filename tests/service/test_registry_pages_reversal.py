"""The page that takes a reform back: what goes where, what has to be chosen, what was chosen kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.auth import Role
from tests.service.reforms import (
    CA_DAM,
    TRA_BUI,
    V1,
    VILLAGES,
    World,
    found_team,
    made_of,
    plan,
    unit,
    villages_merge,
    world,
)
from tests.support.pages import goes, page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, nats_config
from tests.support.world import ok

BACK = "/so/sap-xep/2025-01/rut-lai"
AN_PHU, NGHIA_PHU, NGHIA_AN = "21262-2501", "21253", "21262"
TEAMS = [f"choices.teams.t-n{n}" for n in range(5)]


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The map of January, with five teams of An Phú that were formed on it."""
    async with world(postgres, await fresh_nats(nats_config()), NGHIA_AN, V1) as made:
        await made.execute(edition="2025-01")
        for n in range(5):
            await found_team(made.officer, AN_PHU, f"n{n}", name=f"Tổ {n}", formed_on="2025-02-01")
        yield made


async def test_what_is_open_is_asked_for_and_what_was_chosen_stands_there_again(here: World) -> None:
    opened = await page(here.officer, BACK)
    assert "Cần bạn chọn nơi về cho 5 tổ" in opened
    assert "Những gì để trống dưới đây của Xã An Phú đều về" in opened
    assert "Tổ 3 ở Xã An Phú từ 01/02/2025" in opened
    assert "Xã An Phú → Xã Nghĩa An" in opened  # the team that the reform had moved
    english = await here.officer.get(BACK, params={"lang": "en"})
    assert "Choose where 5 teams go" in text_of(english)
    assert english.text.count('data-label="team"') == english.text.count('data-label="member"') == 1

    half = await here.officer.post(f"{BACK}?lang=vi", data={TEAMS[0]: NGHIA_PHU})
    said = text_of(half, 422)
    assert said.count("hãy chọn đơn vị cho «Tổ 4»") == 2
    assert "«Tổ 0»" not in said
    assert f'<option lang="vi" value="{NGHIA_PHU}" selected>' in half.text
    assert f'<a href="#{TEAMS[4]}">' in half.text
    astray = await here.officer.post(BACK, data=dict.fromkeys(TEAMS, TRA_BUI))
    assert text_of(astray, 422).count("không được; hãy chọn") == 10
    assert (await here.ask("select reversed_at from reform")) == [(None,)]

    sent = {TEAMS[0]: NGHIA_PHU, f"rest.{AN_PHU}": NGHIA_AN}
    clock = here.running.services["registry"].clock
    assert isinstance(clock, HandClock)
    clock.forward(days=1)
    asked_once_more = await here.officer.post(BACK, data={**sent, "step": "choose"})
    said = text_of(asked_once_more)
    assert "Rút lại 1279/NQ-UBTVQH15, có hiệu lực từ ngày 01/01/2025?" in said
    assert "Tổ trở về 6 với 6 thành viên" in said
    assert f'<input type="hidden" name="{TEAMS[4]}" value="{NGHIA_AN}">' in asked_once_more.text
    assert (await here.ask("select reversed_at from reform")) == [(None,)]
    edited = await here.officer.post(BACK, data={**sent, "step": "edit"})
    assert f'<option lang="vi" value="{NGHIA_PHU}" selected>' in edited.text
    sent["step"] = "execute"
    for _ in range(2):  # sent twice: once is enough
        goes(await here.officer.post(BACK, data=sent), to="/so/sap-xep/2025-01")
    at = await here.ask("select team_id, unit_id from team where team_id like 't-n%' order by 1")
    assert at == [("t-n0", NGHIA_PHU), *((f"t-n{n}", NGHIA_AN) for n in range(1, 5))]
    goes(await here.officer.get(BACK), to="/so/sap-xep/2025-01")
    assert "đã được rút lại" in await page(here.officer, "/so/sap-xep/2025-01")
    history = await page(here.officer, "/so/to/t-n1")
    assert "Thành lập tổ «Tổ 1», Xã Nghĩa An" in history
    assert "Chuyển từ" not in history
    on_record = "Đến 02/08/2025 ghi ở Xã An Phú, Thành phố Quảng Ngãi, theo bản đồ nay đã rút lại: 1279/NQ-UBTVQH15"
    assert f"{on_record} Thành lập tổ «Tổ 1», Xã Nghĩa An" in history
    assert history.count("nay đã rút lại") == 1
    assert on_record in await page(here.officer, f"/so/to/t-{NGHIA_AN}")  # which the reform had moved
    assert "On record until 2 Aug 2025 at Xã An Phú" in await page(here.officer, "/so/to/t-n1", lang="en")
    told = await ok(here.officer.get("/registry/teams/t-n1"))
    back = {"day": "2025-02-01", "what": "taken_back", "unit_id": AN_PHU, "until": "2025-08-02", "reform_id": "2025-01"}
    assert [{k: h[k] for k in back} for h in told["history"] if h["until"]] == [back]
    commune = here.running.client(Role.COMMUNE_OFFICER, units=[NGHIA_PHU])
    assert "taken_back" not in (await commune.get("/registry/teams/t-n1")).text


async def test_a_small_reform_goes_back_after_it_was_asked_once_more(here: World) -> None:
    await here.execute(plan=villages_merge())
    path = "/so/sap-xep/r-villages/rut-lai"
    said = await page(here.officer, path)
    assert "Cần bạn chọn" not in said
    assert "Thôn Chung → Thôn 1" in said
    sure = await here.officer.post(path)
    assert "Rút lại 1/NQ-HĐND, có hiệu lực từ ngày 01/03/2025?" in text_of(sure)
    assert await here.ask("select reversed_at from reform where reform_id = 'r-villages'") == [(None,)]
    goes(await here.officer.post(path, data={"step": "execute"}), to="/so/sap-xep/r-villages")
    district = here.running.client(Role.DISTRICT_OFFICER, units=["525"])
    assert "Chức năng này chỉ dành cho: cán bộ tỉnh" in await page(district, path, 403)
    assert "Không có lần sắp xếp" in await page(here.officer, f"/so/sap-xep/{CA_DAM}/rut-lai", 404)


async def test_what_was_taken_back_is_told_by_its_names_and_in_the_past(here: World) -> None:
    await here.execute(edition="2025-07", choices={"villages": VILLAGES})
    path = "/so/sap-xep/2025-07"
    before = await page(here.officer, path)
    counted = before.split("Ngày 01/07/2025: ")[1].split(",")[0].replace("sắp xếp", "đã sắp xếp")
    await here.reverse("2025-07")
    said = await page(here.officer, path)
    assert f"Từ ngày 01/07/2025, {counted}; đã rút lại" in said
    assert "-2507" not in said
    assert "Xã An Phú (trước 01/07/2025) → Xã An Phú (từ 01/07/2025)" in said
    assert "Xã An Phú (cũ)" in said
    assert "Tổ đã chuyển theo" not in said
    assert "Teams that had moved with it and are back" in await page(here.officer, path, lang="en")


async def test_a_merge_of_villages_that_was_taken_back_still_says_what_it_made(here: World) -> None:
    await here.execute(plan=villages_merge())
    await here.reverse("r-villages")
    said = await page(here.officer, "/so/sap-xep/r-villages?done=1")
    assert "Thôn Chung từ Thôn 1, Thôn 2" in said
    assert "Thôn 1 → Thôn Chung" in said
    assert "v-21142" not in said
    assert "Đã thực hiện." not in said


async def test_a_later_reform_that_stands_in_the_way_is_to_be_taken_back_first(here: World) -> None:
    await here.execute(edition="2025-07", choices={"villages": VILLAGES})
    for opened in (await here.officer.get(BACK), await here.officer.post(BACK, data={})):
        said = text_of(opened, opened.status_code)
        assert "Hãy rút lại quyết định sau trước" in said
        assert (
            '<a class="go" href="/so/sap-xep/2025-07/rut-lai">Rút lại <span lang="vi">1677/NQ-UBTVQH15' in opened.text
        )
        assert "soạn một sắp xếp mới" not in said


async def test_a_preview_that_is_refused_says_everything_that_is_wrong(here: World) -> None:
    for n in range(3):
        village = {"village_id": f"v-new{n}", "name": f"Thôn Mới {n}", "parent_id": AN_PHU, "valid_from": "2025-07-02"}
        await ok(here.officer.post("/registry/villages", json=village), 201)
    later = [unit(f"v-new{n}", f"Thôn Khác {n}", "hamlet", AN_PHU, level="village") for n in range(3)]
    renamed = plan("r-names", *(made_of(u, u["unit_id"]) for u in later), effective_on="2025-07-05")
    await here.execute(plan=renamed)
    for opened in (
        await here.officer.get("/so/sap-xep/thu/2025-07"),
        await here.officer.post("/so/sap-xep/thu/2025-07"),
    ):
        said = text_of(opened, 422)
        assert all(f"«Thôn Mới {n}»" in said for n in range(3))
        assert "lỗi khác" not in said


async def test_units_of_one_name_are_told_apart(here: World) -> None:
    await found_team(here.officer, "21538", formed_on="2025-02-01")
    opened = await page(here.officer, "/so/sap-xep/thu/2025-07")
    assert "Xã An Phú (trước 01/07/2025) → Xã An Phú (từ 01/07/2025)" in opened
    assert "Xã An Phú từ " in opened
    assert ", Xã An Phú (cũ)" in opened or "từ Xã An Phú (cũ)" in opened
    await here.execute(edition="2025-07", choices={"villages": VILLAGES})
    back = await page(here.officer, "/so/sap-xep/2025-07/rut-lai")
    assert "Xã An Phú (từ 01/07/2025) → Xã An Phú (trước 01/07/2025)" in back
    assert "Xã Ba Xa → Xã Ba Xa (vẫn đơn vị này, khác cấp trên)" in back
    assert "Xã An Phú (before 1 Jul 2025)" in await page(here.officer, "/so/sap-xep/2025-07/rut-lai", lang="en")
    assert "Xã An Phú (cũ)" in await page(here.officer, "/so/sap-xep/2025-07", lang="vi")
    assert "Kế thừa: Xã An Phú (đơn vị mới cùng tên)" in await page(here.officer, f"/so/don-vi/{AN_PHU}")
    history = await page(here.officer, "/so/to/t-n1")
    assert "Chuyển từ Xã An Phú, Thành phố Quảng Ngãi sang Xã An Phú, theo quyết định" in history
