"""Teams that become one, and known people on further teams, as officers do it on pages."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from shared.auth import Role
from shared.contracts.registry import MemberJoined, TeamDisbanded
from shared.ids import new_id
from tests.support.pages import field, goes, page, text_of
from tests.support.stack import Stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, ok, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)


async def test_what_moves_is_seen_before_two_teams_become_one(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader, member], _ = await team_of(officer, TOWN, members=2)
    into_id, [other], _ = await team_of(officer, TOWN)
    path = f"/so/to/{team_id}/gop"
    opened = await officer.get(path)
    assert f'<option value="{into_id}">' in opened.text
    sent = {"into_team_id": "", "effective_on": "1/9/2024", "other_leader_becomes": "deputy", "leader_id": ""}
    sent["key"] = field(opened.text, "key")
    nothing = await officer.post(path, data=sent)
    assert text_of(nothing, 422).count("cần điền mục này") == 2
    assert field(nothing.text, "effective_on") == "1/9/2024"
    sent["into_team_id"] = into_id
    asked = await officer.post(path, data=sent)
    assert "Hai tổ đều có tổ trưởng. Ai là tổ trưởng?" in text_of(asked)
    assert "Chưa lưu được" not in asked.text
    sent["leader_id"] = leader
    confirm = await officer.post(path, data=sent)
    said = text_of(confirm)
    assert "2 người sang «Tổ» từ ngày 01/09/2024?" in said
    assert "Nguyễn Văn Thử tổ trưởng giữ nguyên" in said
    assert "Nguyễn Văn Thử tổ trưởng, Tổ → tổ phó" in said
    assert [e for e in await running.log("registry", TeamDisbanded) if e.key() == team_id] == []
    back = await officer.post(path, data=sent | {"step": "edit"})
    assert f'<option value="{into_id}" selected>' in back.text
    for _ in range(2):
        goes(await officer.post(path, data=sent | {"step": "execute"}), to=f"/so/to/{into_id}?done=merged")
    assert len([e for e in await running.log("registry", TeamDisbanded) if e.key() == team_id]) == 1
    html = (await officer.get(f"/so/to/{into_id}")).text
    assert all(f"/so/to/{into_id}/{i}/nhiem-vu" in html for i in (leader, member, other))
    assert "Xem tổ được nhập vào" in await page(officer, f"/so/to/{team_id}")


async def test_a_merger_that_the_rules_refuse_is_refused_before_it_is_confirmed(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    far_id, _, _ = await team_of(officer, LY_SON, "district")
    path = f"/so/to/{team_id}/gop"
    sent = {"into_team_id": team_id, "effective_on": "1/9/2024", "other_leader_becomes": "deputy", "key": new_id()}
    assert "sáp nhập một tổ vào chính nó" in text_of(await officer.post(path, data=sent), 422)
    early = await officer.post(path, data=sent | {"into_team_id": far_id, "effective_on": "1/1/2020"})
    assert early.status_code == 422
    assert field(early.text, "effective_on") == "1/1/2020"
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    for step in ("", "execute"):
        answer = await district.post(path, data=sent | {"into_team_id": far_id, "step": step})
        assert "không thuộc phạm vi của bạn" in text_of(answer, 403)
    away = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    assert "không thuộc phạm vi của bạn" in await page(away, path, 403)
    leader = running.client(Role.TEAM_LEADER, team_id=team_id)
    assert "Chức năng này chỉ dành cho" in await page(leader, path, 403)


async def test_a_known_person_is_found_and_joins_a_second_team_once(running: Stack, officer: httpx.AsyncClient) -> None:
    first_id, _, _ = await team_of(officer, TOWN)
    member = a_member(full_name="Thạch Thị Hai Tổ")
    await ok(officer.post(f"/registry/teams/{first_id}/members", json=member), 201)
    second_id, _, _ = await team_of(officer, DUC_NHUAN)
    path = f"/so/to/{second_id}/them-nguoi-cu"
    assert f'href="{path}"' in (await officer.get(f"/so/to/{second_id}/them")).text
    assert "Không tìm thấy ai tên «khong co ai»" in await page(officer, path, q="khong co ai")
    opened = await officer.get(path, params={"q": "thach thi hai"})
    assert "Thạch Thị Hai Tổ, tổ viên, Tổ (Thị trấn Mộ Đức, Huyện Mộ Đức)" in text_of(opened)
    sent = {"q": "thach thi hai", "key": field(opened.text, "key"), "member_id": "", "role": "deputy",
            "organisation_id": "", "joined_on": "32/1/2025"}  # fmt: skip
    refused = await officer.post(path, data=sent)
    assert "phải là ngày có thật" in text_of(refused, 422)
    assert "Thạch Thị Hai Tổ" in text_of(refused, 422)
    assert (field(refused.text, "joined_on"), field(refused.text, "q")) == ("32/1/2025", "thach thi hai")
    nobody = await officer.post(path, data=sent | {"member_id": "nobody", "joined_on": "1/2/2025"})
    assert "Người này không có trong sổ" in text_of(nobody, 422)
    for _ in range(2):
        taken = await officer.post(path, data=sent | {"member_id": member["member_id"], "joined_on": "1/2/2025"})
        goes(taken, to=f"/so/to/{second_id}?done=joined")
    joined = [e for e in await running.log("registry", MemberJoined) if e.key() == member["member_id"]]
    assert [e.team_id for e in joined if isinstance(e, MemberJoined)] == [first_id, second_id]
    assert "«thach thi hai» đã ở tổ này" in await page(officer, path, q="thach thi hai")
    told = await page(officer, f"/so/nguoi/{member['member_id']}")
    assert "tổ phó 01/02/2025 đến nay" in told
    assert "tổ viên 03/07/2023 đến nay" in told


async def test_nobody_finds_people_of_other_units(running: Stack, officer: httpx.AsyncClient) -> None:
    far_id, _, _ = await team_of(officer, LY_SON, "district")
    name = "Thạch Văn Đảo Xa"
    await ok(officer.post(f"/registry/teams/{far_id}/members", json=a_member(full_name=name)), 201)
    near_id, _, _ = await team_of(officer, TOWN)
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    path = f"/so/to/{near_id}/them-nguoi-cu"
    assert name in await page(officer, path, q="dao xa")
    assert name not in await page(district, path, q="dao xa")
    leader = running.client(Role.TEAM_LEADER, team_id=near_id)
    assert "Chức năng này chỉ dành cho" in await page(leader, path, 403)
    assert "đã có trong sổ" not in await page(leader, f"/so/to/{near_id}/them")
