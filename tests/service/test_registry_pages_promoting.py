"""A unit becomes another kind, or comes to another level, by a decision of one's own on pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import UnitsReorganised
from tests.service.reforms import made_of
from tests.service.reforms import plan as decision
from tests.service.reforms import unit as named
from tests.service.test_registry_pages_reforms import CODE, DRAFT, KIND, NAME, PAPER, asked, hidden
from tests.support.pages import field, goes, page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import LY_SON, MO_DUC, TOWN, a_team, ok, team_of

NOW = datetime(2024, 8, 1, 1, tzinfo=UTC)
DUC_NHUAN, DUC_CHANH, DUC_MINH, BA_TO, PARENT = "21409", "21412", "21418", "535", "plan.successors.0.unit.parent_id"


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and two villages, looked at in August 2024."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for village_id, unit_id in (("v1", TOWN), ("l1", LY_SON)):
            said = {"village_id": village_id, "name": "Thôn Một", "parent_id": unit_id, "valid_from": "2023-07-01"}
            await ok(officer.post("/registry/villages", json=said), 201)
        yield started


async def opened(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    """What the form sends when nothing but the paper is filled in."""
    html = (await client.get(path)).text
    shown = {name: field(html, name) for name in (NAME, CODE) if f'name="{name}"' in html}
    return hidden(html) | shown | {KIND: ""} | PAPER


async def unit(client: httpx.AsyncClient, unit_id: str, on: str) -> tuple[str, str, str, str]:
    """Name, kind, level and parent of a unit on a day."""
    found = await ok(client.get(f"/registry/units/{unit_id}", params={"on": on}))
    return found["name"], found["kind"], found["level"], found["parent_id"]


async def test_a_commune_becomes_a_township_and_keeps_its_id(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer, DUC_NHUAN)
    assert "Đổi loại hoặc cấp, ví dụ xã thành thị trấn, phường" in await page(officer, DRAFT)
    choice = (await officer.get(asked("promote", "commune"))).text
    assert f'type="radio" name="unit" value="{DUC_NHUAN}"' in choice
    path = asked("promote", "commune", DUC_NHUAN)
    html = (await officer.get(path)).text
    kinds = html[html.index(f'id="{KIND}"') : html.index("</select>", html.index(f'id="{KIND}"'))]
    assert all(f'value="{k}"' in kinds for k in ("", "township", "ward", "special_zone", "district", "town"))
    assert not any(f'value="{k}"' in kinds for k in ("commune", "hamlet", "province"))
    sent = await opened(officer, path) | {PARENT: MO_DUC}
    assert (sent[NAME], sent[CODE], sent["plan.successors.0.unit.unit_id"]) == ("", DUC_NHUAN, DUC_NHUAN)

    unsaid = await officer.post(path, data=sent | {"plan.legal_basis.title": "Về thị trấn Đức Nhuận"})
    assert "Loại mới: cần điền mục này" in text_of(unsaid, 422)
    assert field(unsaid.text, "plan.legal_basis.title") == "Về thị trấn Đức Nhuận"
    wrong = await officer.post(path, data=sent | {KIND: "township", NAME: "Phường Đức Nhuận"})
    assert "Tên đầy đủ: tên đầy đủ phải bắt đầu bằng «Thị trấn »" in text_of(wrong, 422)
    assert field(wrong.text, NAME) == "Phường Đức Nhuận"
    assert '<option value="township" selected>' in wrong.text
    assert f'<a href="#{NAME}">' in wrong.text

    preview = await officer.post(path, data=sent | {KIND: "township"})
    assert "Thị trấn Đức Nhuận từ Xã Đức Nhuận" in text_of(preview)
    assert "Đơn vị thay đổi 1" in text_of(preview)
    confirm = await officer.post(path, data=hidden(preview.text) | {"step": "choose"})
    assert "Thực hiện 9/NQ-HĐND từ ngày 01/06/2024?" in text_of(confirm)
    edit = await officer.post(path, data=hidden(confirm.text) | {"step": "edit"})
    assert '<option value="township" selected>' in edit.text
    reform_id = sent["plan.reform_id"]
    done = await officer.post(path, data=hidden(confirm.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{reform_id}?done=1")

    assert await unit(officer, DUC_NHUAN, "2024-05-31") == ("Xã Đức Nhuận", "commune", "commune", MO_DUC)
    assert await unit(officer, DUC_NHUAN, "2024-06-01") == ("Thị trấn Đức Nhuận", "township", "commune", MO_DUC)
    [told] = [e for e in await running.log("registry", UnitsReorganised) if e.key() == reform_id]
    assert isinstance(told, UnitsReorganised)
    assert [(t.predecessor_id, t.successor_id, t.how) for t in told.transitions] == [(DUC_NHUAN, DUC_NHUAN, "promoted")]
    assert "Thị trấn Đức Nhuận" in await page(officer, f"/so/to/{team_id}")
    assert "Thị trấn Đức Nhuận" in await page(officer, f"/so/sap-xep/{reform_id}")
    back = f"/so/sap-xep/{reform_id}/rut-lai"
    goes(await officer.post(back, data={"step": "execute"}), to=f"/so/sap-xep/{reform_id}")
    assert await unit(officer, DUC_NHUAN, "2024-06-01") == ("Xã Đức Nhuận", "commune", "commune", MO_DUC)


async def test_a_district_without_communes_becomes_a_special_zone_with_its_team(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team = await ok(officer.post("/registry/teams", json=a_team(LY_SON, "district")), 201)
    path = f"{DRAFT}?what=promote&within=51&level=district&unit={LY_SON}"
    html = (await officer.get(path)).text
    parents = html[html.index(f'id="{PARENT}"') : html.index("</select>", html.index(f'id="{PARENT}"'))]
    assert [f'value="{i}"' in parents for i in ("51", MO_DUC, LY_SON)] == [True, True, False]
    sent = await opened(officer, path) | {PARENT: "51", KIND: "special_zone", CODE: "21548"}
    preview = await officer.post(path, data=sent)
    assert "Đặc khu Lý Sơn từ Huyện Lý Sơn" in text_of(preview)
    done = await officer.post(path, data=hidden(preview.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")
    assert await unit(officer, LY_SON, "2024-05-31") == ("Huyện Lý Sơn", "district", "district", "51")
    assert await unit(officer, LY_SON, "2024-06-01") == ("Đặc khu Lý Sơn", "special_zone", "commune", "51")
    now = await ok(officer.get(f"/registry/teams/{team['team_id']}"))
    assert (now["unit_id"], now["level"], now["district_id"], now["commune_id"]) == (LY_SON, "commune", None, LY_SON)


async def test_what_cannot_be_stands_beside_its_field(officer: httpx.AsyncClient) -> None:
    path = asked("promote", "commune", DUC_CHANH)
    sent = await opened(officer, path) | {PARENT: MO_DUC, KIND: "town"}
    below = await officer.post(path, data=sent)
    assert "Thuộc: «Thị xã Đức Chánh» (district) không thể thuộc «Huyện Mộ Đức» (district)" in text_of(below, 422)
    assert '<option value="town" selected>' in below.text
    assert "Thị xã Đức Chánh từ Xã Đức Chánh" in text_of(await officer.post(path, data=sent | {PARENT: "51"}))
    for kind in ("hamlet", "city"):
        answer = await officer.post(path, data=sent | {KIND: kind})
        assert answer.status_code == 422, kind
        assert "Loại mới: " in text_of(answer, 422)
    with_communes = f"{DRAFT}?what=promote&within=51&level=district&unit={MO_DUC}"
    sent = await opened(officer, with_communes) | {PARENT: "51", KIND: "special_zone"}
    answer = await officer.post(with_communes, data=sent)
    assert "«Xã Đức Chánh» (commune) không thể thuộc «Đặc khu Mộ Đức» (commune)" in text_of(answer, 422)
    assert "Hãy chọn một đơn vị" in text_of(await officer.get(asked("promote", "commune", TOWN, DUC_CHANH)), 422)


async def test_a_district_makes_a_residential_group_of_its_own_village_and_promotes_nothing_else(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    path = asked("promote", "village", "v1")
    sent = await opened(district, path) | {PARENT: TOWN, KIND: "residential_group"}
    preview = await district.post(path, data=sent)
    assert "Tổ dân phố Một từ Thôn Một" in text_of(preview)
    done = await district.post(path, data=hidden(preview.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")
    assert await unit(officer, "v1", "2024-06-01") == ("Tổ dân phố Một", "residential_group", "village", TOWN)
    commune = asked("promote", "commune", DUC_CHANH)
    sent = await opened(district, commune) | {PARENT: MO_DUC, KIND: "ward"}
    assert "Bạn chỉ được sắp xếp thôn, bản, tổ dân phố" in text_of(await district.post(commune, data=sent), 403)


async def test_the_form_is_there_in_english(officer: httpx.AsyncClient) -> None:
    said = await page(officer, DRAFT, lang="en")
    assert "Another kind or level, for example a commune becomes a township or a ward" in said
    path = asked("promote", "commune", DUC_CHANH)
    form = text_of(await officer.get(path + "&lang=en"))
    assert "Another kind or level" in form
    assert "New kind" in form
    assert "the own name stays" in form
    sent = await opened(officer, path) | {PARENT: MO_DUC, KIND: "ward", NAME: "Xã Đức Chánh"}
    assert "the full name has to begin with «Phường »" in text_of(await officer.post(path + "&lang=en", data=sent), 422)


async def test_a_teams_page_names_its_unit_as_on_the_day_and_as_it_was_when_the_team_left(
    officer: httpx.AsyncClient,
) -> None:
    team_id, _, _ = await team_of(officer, DUC_MINH)
    township = decision("r-minh", made_of(named(DUC_MINH, "Thị trấn Đức Minh", "township"), DUC_MINH))
    moved = decision(
        "r-minh-2",
        made_of(named(DUC_MINH, "Thị trấn Đức Minh", "township", BA_TO), DUC_MINH),
        effective_on="2024-07-01",
    )
    for body in (township, moved):
        await ok(officer.post("/registry/reforms", json={"plan": body}), 201)
    now = await page(officer, f"/so/to/{team_id}")
    assert now.startswith("Thị trấn Đức Minh CỘNG HÒA")
    assert "Các tổ › Thị trấn Đức Minh, Huyện Ba Tơ" in now
    assert "Chuyển từ Thị trấn Đức Minh, Huyện Mộ Đức sang Thị trấn Đức Minh, Huyện Ba Tơ" in now
    assert "Thành lập tổ «Tổ», Xã Đức Minh, Huyện Mộ Đức" in now
    then = {"31/5/2024": "Xã Đức Minh, Huyện Mộ Đức", "1/6/2024": "Thị trấn Đức Minh, Huyện Mộ Đức"}
    for day, place in then.items():
        assert f"Các tổ › {place}" in await page(officer, f"/so/to/{team_id}", on=day)
