"""The desk, people's data, requests, contacts and the record, as officers meet them on pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from shared.auth import Role
from shared.contracts.registry import PersonErased
from shared.ids import new_id
from tests.support.pages import field, goes, page, text_of
from tests.support.sheets import TEAM, filled, lines, upload
from tests.support.stack import Stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, ok, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)
"""A Friday, eight in the morning."""


async def person(officer: httpx.AsyncClient, name: str, unit_id: str = TOWN) -> tuple[str, str]:
    """Somebody on a new team; answers with the ids of both."""
    team_id, _, _ = await team_of(officer, unit_id)
    member = a_member(full_name=name, phone="0901234567")
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=member), 201)
    return member["member_id"], team_id


# -- the desk ---------------------------------------------------------------------------------------------------------


async def test_the_desk_is_at_the_very_address_of_the_pages_for_officers_only(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    assert "chỉ dành cho cán bộ đã đăng nhập" in await page(running.client(), "/so", 401)
    assert "Chức năng này chỉ dành cho" in await page(running.client(Role.LEARNER, units=["51"]), "/so", 403)
    team_id, _, _ = await team_of(officer, TOWN)
    goes(await running.client(Role.TEAM_LEADER, team_id=team_id).get("/so"), to=f"/so/to/{team_id}")
    said = await page(officer, "/so")
    assert "13 đơn vị cấp huyện 173 đơn vị cấp xã" in said
    assert (await officer.get("/so/")).text.count('href="/so?lang=en"') == 1
    operator = await page(running.client(Role.OPERATOR, units=["51"]), "/so")
    assert "Nhật ký xem và sửa dữ liệu" in operator
    assert "Lập tổ" not in operator


async def test_the_desk_counts_the_own_units_only_and_finds_people_there(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    await person(officer, "Phùng Thị Bàn Giấy")
    await person(officer, "Phùng Văn Ở Xa", LY_SON)
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    said = await page(district, "/so", q="phung")
    assert "Huyện Mộ Đức:" in said
    assert "13 đơn vị cấp xã" in said
    assert "1 kết quả cho «phung»" in said
    assert "Phùng Thị Bàn Giấy" in said
    assert "Không tìm thấy gì tên «???»" in await page(district, "/so", q="???")

    async def teams(who: httpx.AsyncClient) -> int:
        found = re.search(r"Tổ công nghệ số cộng đồng (\d+) tổ", await page(who, "/so"))
        assert found
        return int(found[1])

    before = await teams(district), await teams(officer)
    await team_of(officer, DUC_NHUAN)
    await team_of(officer, LY_SON, "district")
    assert (await teams(district) - before[0], await teams(officer) - before[1]) == (1, 2)


async def test_a_team_is_without_a_leader_from_the_day_on_which_the_last_one_steps_down(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, [leader], _ = await team_of(officer, "21418")
    commune = running.client(Role.COMMUNE_OFFICER, units=["21418"])
    assert "tổ nào cũng có tổ trưởng" in await page(commune, "/so")
    for role, day in (("member", "2024-03-01"), ("leader", "2024-05-01"), ("deputy", "2025-01-01")):
        change = {"team_id": team_id, "role": role, "effective_on": day}
        await ok(officer.post(f"/registry/members/{leader}/role", json=change), 200)
    assert "1 tổ chưa có tổ trưởng" in await page(commune, "/so")
    days = {"2024-02-29": 0, "2024-03-01": 1, "2024-04-30": 1, "2024-12-31": 0, "2025-01-01": 1}
    for day, without in days.items():
        said = await page(commune, "/so/to", on=day)
        assert ("1 tổ chưa có tổ trưởng" in said) == bool(without), day
    leaving = {"team_id": team_id, "left_on": "2025-03-01", "reason": "resigned"}
    await ok(officer.post(f"/registry/members/{leader}/leave", json=leaving), 200)
    assert "1 tổ 1 tổ chưa có tổ trưởng Người ở các tổ đó 0 thành viên" in await page(commune, "/so")


# -- a person's data --------------------------------------------------------------------------------------------------


async def test_a_name_is_shown_for_a_reason_only_and_the_reason_is_on_record(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    member_id, _ = await person(officer, "Cao Thị Kín Đáo")
    path = f"/so/nguoi/{member_id}"
    asked = await page(officer, path)
    assert "Bạn cần xem để làm gì?" in asked
    assert "Kín Đáo" not in asked
    assert "Kín Đáo" not in await page(officer, path, why="search")  # no reason of this page
    unsaid = await officer.get(path, params={"asked": "1"})  # the button without a choice
    assert "Cần sửa: Hãy chọn bạn cần xem để làm gì" in text_of(unsaid, 422)
    assert "Kín Đáo" not in unsaid.text
    told = await page(officer, path, why="call")
    assert "Cao Thị Kín Đáo" in told
    assert "0901 234 567" in told
    listed = await page(officer, "/so/nhat-ky", member_id=member_id, why="call")
    assert "1 lần xem hoặc sửa dữ liệu cá nhân" in listed
    assert "họ tên, điện thoại gọi điện, liên hệ công việc" in listed
    assert "Kín Đáo" not in listed


async def test_who_may_not_reach_a_person_sees_nothing_of_them(running: Stack, officer: httpx.AsyncClient) -> None:
    member_id, team_id = await person(officer, "Cao Văn Ngoài Tầm")
    away = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    for path in ("", "/sua", "/rut", "/xoa"):
        assert "không thuộc phạm vi của bạn" in await page(away, f"/so/nguoi/{member_id}{path}", 403)
        if path:
            assert (await away.post(f"/so/nguoi/{member_id}{path}", data={"full_name": "X"})).status_code == 403
    assert "Không có dữ liệu cá nhân" in await page(officer, "/so/nguoi/nobody", 404)
    leader = running.client(Role.TEAM_LEADER, team_id=team_id)
    assert "Cao Văn Ngoài Tầm" in await page(leader, f"/so/nguoi/{member_id}", why="call")
    assert "Chức năng này chỉ dành cho" in await page(leader, f"/so/nguoi/{member_id}/xoa", 403)
    duty = await page(running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]), f"/so/nguoi/{member_id}", why="legal_duty")
    assert "Cao Văn Ngoài Tầm" not in duty
    own = running.client(Role.MEMBER, member_id=member_id)
    assert "Cao Văn Ngoài Tầm" in await page(own, f"/so/nguoi/{member_id}", why="own_data")


async def test_a_persons_page_tells_the_times_on_teams_and_leads_to_those_that_one_may_see(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    office = {"organisation_id": new_id(), "name": "Bưu điện huyện Mộ Đức", "sector": "enterprise"}
    await ok(officer.post("/registry/organisations", json=office), 201)
    first, _, _ = await team_of(officer, TOWN)
    second, _, _ = await team_of(officer, LY_SON)
    member = a_member(full_name="Võ Thị Nhiều Tổ", joined_on="2023-07-05", organisation_id=office["organisation_id"])
    member_id = member["member_id"]
    await ok(officer.post(f"/registry/teams/{first}/members", json=member), 201)
    role = {"team_id": first, "role": "deputy", "effective_on": "2024-02-01"}
    await ok(officer.post(f"/registry/members/{member_id}/role", json=role))
    move = {"from_team_id": first, "to_team_id": second, "role": "member", "moved_on": "2024-06-10"}
    await ok(officer.post(f"/registry/members/{member_id}/move", json=move))
    said = await page(officer, f"/so/nguoi/{member_id}")
    assert "Tổ Huyện Lý Sơn tổ viên" in said
    assert "Tổ Thị trấn Mộ Đức, Huyện Mộ Đức tổ phó từ 01/02/2024, tổ viên từ 05/07/2023" in said
    assert "Bưu điện huyện Mộ Đức 05/07/2023 09/06/2024 là ngày cuối, chuyển sang tổ khác" in said
    assert said.index("Lý Sơn") < said.index("Thị trấn Mộ Đức"), "the latest first"
    assert "Nhiều Tổ" not in said
    whole = (await officer.get(f"/so/nguoi/{member_id}")).text
    assert {first, second} == set(re.findall(r'href="/so/to/([^"/]+)"', whole))
    away = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    there = (await away.get(f"/so/nguoi/{member_id}")).text
    assert set(re.findall(r'href="/so/to/([^"/]+)"', there)) == {second}
    own = running.client(Role.MEMBER, member_id=member_id)
    assert 'href="/so/to/' not in (await own.get(f"/so/nguoi/{member_id}")).text
    for way in (f"/so/to/{second}", f"/so/to/{first}", "/so?q=vo+thi+nhieu+to"):  # who left stands in the history
        assert f'href="/so/nguoi/{member_id}"' in (await officer.get(way)).text, way
    operator = running.client(Role.OPERATOR, units=["51"])
    assert "/so/nguoi/" not in (await operator.get(f"/so/to/{second}")).text


async def test_data_is_corrected_withdrawn_written_again_and_erased(running: Stack, officer: httpx.AsyncClient) -> None:
    member_id, team_id = await person(officer, "Lại Văn Sai")
    path = f"/so/nguoi/{member_id}"
    opened = (await officer.get(f"{path}/sua")).text
    assert (field(opened, "full_name"), field(opened, "phone")) == ("Lại Văn Sai", "0901234567")
    wrong = await officer.post(f"{path}/sua", data={"full_name": "Lại Văn Đúng", "phone": "gọi sau"})
    assert text_of(wrong, 422).count("phải là số điện thoại") == 2
    assert (field(wrong.text, "full_name"), field(wrong.text, "phone")) == ("Lại Văn Đúng", "gọi sau")
    right = {"full_name": "Lại Văn Đúng", "phone": "090 999 8888"}
    goes(await officer.post(f"{path}/sua", data=right), to=f"{path}?done=corrected")
    assert "Lại Văn Đúng" in await page(officer, path, why="call")
    goes(await officer.post(f"{path}/rut"), to=f"{path}?done=withdrawn")
    assert "đã rút đồng ý" in await page(officer, path, 403, why="call")
    assert "Lại Văn Đúng" in await page(officer, path, why="legal_duty")
    assert field((await officer.get(f"{path}/sua")).text, "full_name") == ""
    again = await officer.post(f"{path}/sua", data={**right, "withdrawn": "1"})
    assert "đã rút đồng ý" in text_of(again, 409)
    assert field(again.text, "full_name") == "Lại Văn Đúng"
    renewed = await officer.post(f"{path}/sua", data={**right, "withdrawn": "1", "legal_basis": "consent"})
    goes(renewed, to=f"{path}?done=corrected")
    for _ in range(2):
        goes(await officer.post(f"{path}/xoa"), to=f"{path}?done=erased")
    assert len([e for e in await running.log("registry", PersonErased) if e.key() == member_id]) == 1
    gone = await page(officer, path, why="call")
    assert "đã được xóa vĩnh viễn" in gone
    assert "Lại Văn Đúng" not in gone
    assert "Thành viên 2" in await page(officer, f"/so/to/{team_id}")


# -- requests ---------------------------------------------------------------------------------------------------------


async def test_a_request_is_filed_from_when_it_came_in_and_answered_before_it_is_late(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    member_id, _ = await person(officer, "Mạc Thị Hỏi")
    opened = await officer.get("/so/yeu-cau/ghi", params={"q": "mac thi hoi"})
    request_id = field(opened.text, "request_id")
    assert "Mạc Thị Hỏi" in text_of(opened)
    sent = {"request_id": request_id, "q": "mac thi hoi", "member_id": "", "kind": "", "on": "2/8/2025", "at": "9h30"}
    nobody = await officer.post("/so/yeu-cau/ghi", data=sent)
    assert text_of(nobody, 422).count("cần điền mục này") == 4
    assert (field(nobody.text, "on"), field(nobody.text, "at")) == ("2/8/2025", "9h30")
    assert "Mạc Thị Hỏi" in text_of(nobody, 422)
    sent |= {"member_id": member_id, "kind": "correction"}
    early = await officer.post("/so/yeu-cau/ghi", data=sent)
    assert "ở tương lai" in text_of(early, 422)
    assert '<a href="#on">' in early.text
    for wrong, words in (({"on": "30/2/2025"}, "phải là ngày có thật"), ({"at": "25:00"}, "phải là giờ trong ngày")):
        assert text_of(await officer.post("/so/yeu-cau/ghi", data=sent | wrong), 422).count(words) == 2
    path = f"/so/yeu-cau/{request_id}"
    for _ in range(2):
        goes(await officer.post("/so/yeu-cau/ghi", data=sent | {"on": "30/7/2025"}), to=f"{path}?done=filed")
    asked = await page(officer, path)
    assert "Nhận lúc 30/07/2025 09:30" in asked
    assert "Trả lời hết ngày 01/08/2025 thứ sáu Đồng hồ còn 16 giờ" in asked
    assert "Muốn sửa dữ liệu hạn hết ngày 01/08/2025" in await page(officer, f"/so/nguoi/{member_id}")
    assert "việc đang chờ bạn" in await page(officer, "/so")
    assert text_of(await officer.post(path, data={}), 422).count("cần điền mục này") == 2
    for _ in range(2):
        goes(await officer.post(path, data={"outcome": "done"}), to=f"{path}?done=answered")
    other = await officer.post(path, data={"outcome": "refused_by_law"})
    assert "đã được trả lời với kết quả khác" in text_of(other, 409)
    assert "đã làm theo yêu cầu" in await page(officer, "/so/yeu-cau", state="answered")


async def test_a_late_request_says_since_when_and_others_officers_do_not_see_it(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    member_id, _ = await person(officer, "Mạc Văn Trễ", LY_SON)
    sent = {"request_id": new_id(), "member_id": member_id, "kind": "erasure", "on": "25/7/2025", "at": ""}
    path = f"/so/yeu-cau/{sent['request_id']}"
    goes(await officer.post("/so/yeu-cau/ghi", data=sent), to=f"{path}?done=filed")
    assert "quá hạn 2 ngày 8 giờ" in await page(officer, path)  # due by the end of Tuesday the 29th
    assert "1 yêu cầu quá hạn" in await page(officer, "/so/yeu-cau")
    assert "1 việc quá hạn" in await page(officer, "/so")
    away = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    assert sent["request_id"] not in (await away.get("/so/yeu-cau?state=")).text
    assert "không thuộc phạm vi của bạn" in await page(away, path, 403)
    assert (await away.post(path, data={"outcome": "done"})).status_code == 403
    assert "Không có yêu cầu «nothing»" in await page(officer, "/so/yeu-cau/nothing", 404)


# -- contacts, the record ---------------------------------------------------------------------------------------------


async def test_a_contact_is_registered_seen_for_a_reason_and_ended(running: Stack, officer: httpx.AsyncClient) -> None:
    of_town = f"unit_id={TOWN}"
    opened = (await officer.get(f"/so/dau-moi/them?{of_town}")).text
    sent = {"contact_id": field(opened, "contact_id"), "unit_id": TOWN, "full_name": "", "phone": "", "since": "1/7/25",
            "title": "Chánh Văn phòng", "legal_basis": "public_task"}  # fmt: skip
    refused = await officer.post("/so/dau-moi/them", data=sent)
    assert text_of(refused, 422).count("cần điền mục này") == 2
    assert (field(refused.text, "title"), field(refused.text, "since")) == ("Chánh Văn phòng", "1/7/25")
    taken = await officer.post("/so/dau-moi/them", data=sent | {"full_name": "Ngô Thị Đầu Mối"})
    goes(taken, to=f"/so/dau-moi?{of_town}&done=registered")
    assert "Ngô Thị Đầu Mối" not in await page(officer, "/so/dau-moi", unit_id=TOWN)
    assert "Ngô Thị Đầu Mối Chánh Văn phòng" in await page(officer, "/so/dau-moi", unit_id=TOWN, why="call")
    assert "là đầu mối của Thị trấn Mộ Đức" in await page(officer, f"/so/nguoi/{sent['contact_id']}")
    ending = f"/so/dau-moi/{sent['contact_id']}/ket-thuc"
    assert "phải từ ngày bắt đầu" in text_of(await officer.post(ending, data={"last_day": "30/6/2025"}), 422)
    goes(await officer.post(ending, data={"last_day": "31/7/2025"}), to=f"/so/dau-moi?{of_town}&done=ended")
    assert "Chưa có đầu mối nào." in await page(officer, "/so/dau-moi", unit_id=TOWN, why="call")
    away = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    assert "không thuộc phạm vi của bạn" in await page(away, "/so/dau-moi", 403, unit_id=TOWN)
    assert (await away.post(ending, data={"last_day": "30/7/2025"})).status_code == 403
    assert (await away.post("/so/dau-moi/them", data=sent | {"contact_id": new_id()})).status_code == 403


async def test_the_record_is_for_the_province_and_keeps_a_filter_that_it_cannot_read(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    assert "Chức năng này chỉ dành cho: người vận hành, cán bộ tỉnh" in await page(district, "/so/nhat-ky", 403)
    answer = await officer.get("/so/nhat-ky", params={"since": "31/2/2025", "why": "call"})
    assert text_of(answer, 422).count("phải là ngày có thật") == 2
    assert field(answer.text, "since") == "31/2/2025"
    assert '<option value="call" selected>' in answer.text
    assert "Không có lần nào như vậy." in await page(officer, "/so/nhat-ky", until="1/1/2023")


async def test_the_record_calls_people_by_role_and_team_and_a_file_a_file(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    member_id, _ = await person(officer, "Cao Thị Kín Tiếng")
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="tai-khoan-7")
    await page(district, f"/so/nguoi/{member_id}", why="call")
    said = await page(officer, "/so/nhat-ky", member_id=member_id, why="call")
    assert f"cán bộ huyện, tai-khoan-7 xem người {member_id[-8:]}, Tổ " in said
    assert member_id not in said.replace(f"Người {member_id[-8:]}", "")
    checked = await upload(district, filled([{**TEAM}]))
    await lines(district, checked["import_id"])
    listed = await officer.get("/so/nhat-ky", params={"subject": "tai-khoan-7"})
    assert "tệp được tải lên các dòng trong tệp nhập từ Excel" in text_of(listed)
    assert f"/so/nguoi/{checked['import_id']}" not in listed.text


async def test_a_leader_is_not_offered_to_move_a_member_who_could_go_nowhere(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    member_id, team_id = await person(officer, "Cao Văn Ở Lại")
    leader = running.client(Role.TEAM_LEADER, team_id=team_id)
    move = f"/so/to/{team_id}/{member_id}/chuyen"
    assert move in (await officer.get(f"/so/to/{team_id}")).text
    shown = (await leader.get(f"/so/to/{team_id}")).text
    assert move not in shown
    assert f"/so/to/{team_id}/{member_id}/roi" in shown


@pytest.mark.parametrize(
    "path", ["nguoi/x/sua", "nguoi/x/rut", "nguoi/x/xoa", "yeu-cau/ghi", "yeu-cau/x", "dau-moi/them"]
)
async def test_no_form_is_taken_from_elsewhere(running: Stack, path: str) -> None:
    """With the cookie alone, and no word of the browser that the form is ours."""
    browser = running.client()
    browser.cookies.set("phongtrao_token", running.token(Role.PROVINCE_OFFICER, units=["51"]))
    answer = await browser.post(f"/so/{path}", data={}, headers={"sec-fetch-site": "cross-site"})
    assert "không được gửi từ trang của hệ thống" in text_of(answer, 403)
