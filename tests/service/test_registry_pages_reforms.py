"""A reform of one's own on pages: what the decision says, its preview, its choices, its confirmation."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import UnitsReorganised
from tests.support.pages import field, goes, page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import LY_SON, MO_DUC, TOWN, ok, team_of

NOW = datetime(2024, 8, 1, 1, tzinfo=UTC)
DUC_LOI, DUC_THANG, DUC_PHU, BA_TO = "21403", "21406", "21430", "535"
GIVER, TAKER = "21433", "21436"
DRAFT = "/so/sap-xep/soan"
NAME, KIND, CODE = (f"plan.successors.0.unit.{n}" for n in ("name", "kind", "code"))
PAPER = {
    "plan.legal_basis.number": "9/NQ-HĐND",
    "plan.legal_basis.title": "Về sắp xếp",
    "plan.legal_basis.issuer": "Hội đồng nhân dân tỉnh",
    "plan.legal_basis.issued_on": "15/5/2024",
    "plan.effective_on": "1/6/2024",
}


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023, looked at in August 2024."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for n in range(1, 6):
            said = {"village_id": f"v{n}", "name": f"Thôn {n}", "parent_id": TOWN, "valid_from": "2023-07-01"}
            await ok(officer.post("/registry/villages", json=said), 201)
        yield started


def asked(what: str, level: str, *units: str) -> str:
    """The address of a draft."""
    return f"{DRAFT}?what={what}&within={MO_DUC}&level={level}" + "".join(f"&unit={u}" for u in units)


def hidden(html: str) -> dict[str, str]:
    """Everything that a page carries on."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', html)
    return {name: unescape(value) for name, value in found}


async def test_communes_are_merged_after_a_preview_and_a_confirmation(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, _, _ = await team_of(officer, DUC_LOI)
    assert "Quyết định nói gì?" in await page(officer, DRAFT)
    choice = (await officer.get(asked("merge", "commune"))).text
    assert f'type="checkbox" name="unit" value="{DUC_LOI}"' in choice
    assert "Hãy chọn ít nhất hai đơn vị" in text_of(await officer.get(asked("merge", "commune", DUC_LOI)), 422)
    path = asked("merge", "commune", DUC_LOI, DUC_THANG)
    opened = (await officer.get(path)).text
    sent = hidden(opened) | PAPER | {NAME: "Xã Thắng Lợi", KIND: "commune", CODE: "", "plan.legal_basis.title": ""}
    sent["plan.successors.0.unit.parent_id"] = MO_DUC
    refused = await officer.post(path, data=sent | {"plan.legal_basis.issued_on": "32/5/2024"})
    said = text_of(refused, 422)
    assert (said.count("phải là ngày có thật"), said.count("cần điền mục này")) == (2, 2)
    assert field(refused.text, NAME) == "Xã Thắng Lợi"
    assert '<a href="#plan.legal_basis.issued_on">' in refused.text
    preview = await officer.post(path, data=sent | PAPER)
    assert "Xã Thắng Lợi từ Xã Đức Lợi, Xã Đức Thắng" in text_of(preview)
    assert "Không có điều gì phải chọn." in text_of(preview)
    confirm = await officer.post(path, data=hidden(preview.text) | {"step": "choose"})
    assert "Thực hiện 9/NQ-HĐND từ ngày 01/06/2024?" in text_of(confirm)
    back = await officer.post(path, data=hidden(confirm.text) | {"step": "edit"})
    assert field(back.text, NAME) == "Xã Thắng Lợi"
    reform_id = sent["plan.reform_id"]
    for _ in range(2):
        answer = await officer.post(path, data=hidden(confirm.text) | {"step": "execute"})
        goes(answer, to=f"/so/sap-xep/{reform_id}?done=1")
    events = [e for e in await running.log("registry", UnitsReorganised) if e.key() == reform_id]
    assert len(events) == 1
    assert "Xã Thắng Lợi" in await page(officer, f"/so/to/{team_id}")
    ended = running.client(Role.COMMUNE_OFFICER, units=[DUC_LOI])
    assert "Xã Đức Lợi không còn từ 01/06/2024. Kế thừa: Xã Thắng Lợi. Bạn không thấy tổ" in await page(ended, "/so")
    assert "Quyền không tự chuyển" not in await page(officer, "/so")
    assert "11 xã, 1 thị trấn" in await page(officer, f"/so/don-vi/{MO_DUC}", on="1/6/2024")


async def test_a_commune_gets_another_name_and_another_district(officer: httpx.AsyncClient) -> None:
    path = asked("change", "commune", DUC_PHU)
    opened = (await officer.get(path)).text
    assert field(opened, NAME) == "Xã Đức Phú"
    sent = hidden(opened) | PAPER | {NAME: "Xã Phú Đức", KIND: "commune", CODE: field(opened, CODE)}
    sent["plan.successors.0.unit.parent_id"] = BA_TO
    preview = await officer.post(path, data=sent)
    assert "Đơn vị thay đổi 1" in text_of(preview)
    goes(
        await officer.post(path, data=hidden(preview.text) | {"step": "execute"}),
        to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1",
    )
    said = await page(officer, f"/so/don-vi/{DUC_PHU}")
    assert "Xã Phú Đức, Huyện Ba Tơ" in said
    assert "31/05/2024 Xã Đức Phú, Huyện Mộ Đức" in said


async def test_a_split_asks_where_each_village_and_team_goes(officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    path = asked("split", "commune", TOWN)
    sent = hidden((await officer.get(path)).text) | PAPER
    sent |= {NAME: "Xã Đông", "plan.successors.1.unit.name": "Xã Tây", "heir": "1"}
    sent |= {f"plan.successors.{n}.unit.{w}": v for n in range(4) for w, v in (("kind", "commune"), ("code", ""))}
    sent["plan.successors.0.unit.parent_id"] = MO_DUC
    preview = await officer.post(path, data=sent)
    assert "6 điều quyết định chưa nói rõ" in text_of(preview)
    assert "Thị trấn Mộ Đức → Xã Tây" in text_of(preview)  # the heir that was chosen
    carried = hidden(preview.text)
    east, west = (sent[f"plan.successors.{n}.unit.unit_id"] for n in (0, 1))
    fields = [f"choices.villages.v{n}" for n in range(1, 6)] + [f"choices.teams.{team_id}"]
    unanswered = await officer.post(path, data=carried | {"step": "choose", fields[0]: east})
    assert text_of(unanswered, 422).count("hãy chọn đơn vị cho «Thôn 2»") == 2
    assert f'<option lang="vi" value="{east}" selected>' in unanswered.text
    wrong = await officer.post(path, data=carried | {"step": "choose", fields[0]: "nowhere"})
    assert "không được; hãy chọn" in text_of(wrong, 422)
    assert "Những gì để trống dưới đây của Thị trấn Mộ Đức đều về" in text_of(preview)
    astray = await officer.post(path, data=carried | {"step": "choose", f"rest.{TOWN}": "nowhere"})
    assert "hãy chọn đơn vị cho «Thôn 1»" in text_of(astray, 422)
    chosen = {fields[0]: east, f"rest.{TOWN}": west}
    confirm = await officer.post(path, data=carried | chosen | {"step": "choose"})
    assert {name: hidden(confirm.text)[name] for name in fields} == dict.fromkeys(fields, west) | {fields[0]: east}
    done = await officer.post(path, data=hidden(confirm.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")
    assert "Xã Tây" in await page(officer, f"/so/to/{team_id}")
    assert "Thôn 1" in await page(officer, f"/so/don-vi/{east}")
    assert "Thôn 2" in await page(officer, f"/so/don-vi/{west}")


async def test_a_unit_gives_a_part_to_its_neighbour_and_goes_on(running: Stack, officer: httpx.AsyncClient) -> None:
    for n in (1, 2):
        said = {"village_id": f"g{n}", "name": f"Thôn G{n}", "parent_id": GIVER, "valid_from": "2023-07-01"}
        await ok(officer.post("/registry/villages", json=said), 201)
    team_id, _, _ = await team_of(officer, GIVER)
    path = asked("split", "commune", GIVER)
    opened = (await officer.get(path)).text
    assert f'<option value="{GIVER}">Xã Đức Phong</option><option value="' in opened
    assert f'<option value="{BA_TO}"' not in opened[opened.index('id="is.0"') : opened.index('id="is.1"')]
    sent = hidden(opened) | PAPER | {"is.0": GIVER, "is.1": TAKER}
    sent |= {f"plan.successors.{n}.unit.{w}": v for n in range(4) for w, v in (("kind", "commune"), ("code", ""))}
    sent |= {f"plan.successors.{n}.unit.name": "" for n in range(4)} | {"plan.successors.0.unit.parent_id": MO_DUC}
    for wrong in (GIVER, BA_TO, "nowhere"):
        again = await officer.post(path, data=sent | {"is.1": wrong})
        assert "Phần này là: hãy chọn một đơn vị đang có" in text_of(again, 422)
        assert f'<option value="{GIVER}" selected>' in again.text
    preview = await officer.post(path, data=sent)
    assert "Xã Đức Phong từ Xã Đức Phong (một phần)" in text_of(preview)
    assert "Xã Đức Lân từ Xã Đức Lân, Xã Đức Phong (một phần)" in text_of(preview)
    assert "3 điều quyết định chưa nói rõ" in text_of(preview)
    answers = {"choices.villages.g1": GIVER, "choices.villages.g2": TAKER, f"choices.teams.{team_id}": TAKER}
    confirm = await officer.post(path, data=hidden(preview.text) | answers | {"step": "choose"})
    done = await officer.post(path, data=hidden(confirm.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")
    assert "Thôn G1" in await page(officer, f"/so/don-vi/{GIVER}")
    assert "Thôn G2" in await page(officer, f"/so/don-vi/{TAKER}")
    assert "Đơn vị này không còn" not in await page(officer, f"/so/don-vi/{GIVER}")
    assert "Xã Đức Lân" in await page(officer, f"/so/to/{team_id}")
    back = f"/so/sap-xep/{sent['plan.reform_id']}/rut-lai"
    assert "Cần bạn chọn" not in await page(officer, back)
    goes(await officer.post(back, data={"step": "execute"}), to=f"/so/sap-xep/{sent['plan.reform_id']}")
    assert "Thôn G2" in await page(officer, f"/so/don-vi/{GIVER}")


async def test_before_its_day_a_decision_is_previewed_only(officer: httpx.AsyncClient) -> None:
    path = asked("change", "commune", "21409")
    sent = hidden((await officer.get(path)).text) | PAPER | {NAME: "Xã Mới", KIND: "commune", CODE: ""}
    sent |= {"plan.successors.0.unit.parent_id": MO_DUC, "plan.effective_on": "1/9/2024"}
    preview = await officer.post(path, data=sent)
    confirm = await officer.post(path, data=hidden(preview.text) | {"step": "choose"})
    assert "Chỉ thực hiện được từ ngày có hiệu lực 01/09/2024" in text_of(confirm)
    assert 'value="execute"' not in confirm.text
    forced = await officer.post(path, data=hidden(confirm.text) | {"step": "execute"})
    assert "Chỉ thực hiện được từ ngày có hiệu lực" in text_of(forced, 422)
    assert field(forced.text, NAME) == "Xã Mới"


async def test_a_district_reorganises_its_own_villages_and_nothing_else(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    for n in (1, 2):
        said = {"village_id": f"d{n}", "name": f"Thôn D{n}", "parent_id": "21412", "valid_from": "2023-07-01"}
        await ok(officer.post("/registry/villages", json=said), 201)
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    start = (await district.get(DRAFT)).text
    assert 'name="level" value="village"' in start
    assert 'name="level" value="commune"' not in start
    path = asked("merge", "village", "d1", "d2")
    sent = hidden((await district.get(path)).text) | PAPER | {NAME: "Thôn D", KIND: "hamlet", CODE: ""}
    sent["plan.successors.0.unit.parent_id"] = "21412"
    goes(
        await district.post(path, data=sent | {"step": "execute"}),
        to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1",
    )
    communes = asked("merge", "commune", "21415", "21418")
    sent = hidden((await district.get(communes)).text) | PAPER | {NAME: "Xã", KIND: "commune", CODE: ""}
    sent["plan.successors.0.unit.parent_id"] = MO_DUC
    for step in ("preview", "execute"):
        answer = await district.post(communes, data=sent | {"step": step})
        assert "Bạn chỉ được sắp xếp thôn, bản, tổ dân phố" in text_of(answer, 403)
    away = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    assert "trong phạm vi của bạn" in text_of(await away.get(path), 422)
    assert "chưa có thôn, bản, tổ dân phố nào" in await page(away, DRAFT)
    assert "Chức năng này chỉ dành cho" in await page(running.client(Role.TEAM_LEADER, team_id="t"), DRAFT, 403)
