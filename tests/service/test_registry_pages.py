"""Registry's pages as officers meet them: what they show to whom, what forms do, and what a refusal keeps."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import COOKIE, Role
from shared.contracts.registry import TeamFormed, TeamRenamed
from shared.ids import new_id
from tests.support.pages import field, goes, page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)
TRA_BUI, NGHIA_AN = "21142", "21262"


# -- the map ----------------------------------------------------------------------------------------------------------


async def test_anybody_sees_the_map_of_a_day_and_a_leaf_that_is_a_district(running: Stack) -> None:
    anyone = running.client()
    said = await page(anyone, "/so/don-vi", on="28/7/2023")
    assert "Ngày 28/07/2023, Tỉnh Quảng Ngãi có 13 đơn vị cấp huyện, 173 đơn vị cấp xã" in said
    assert "thành viên" not in said
    html = (await anyone.get("/so/don-vi", params={"on": "28/7/2023"})).text
    leaf = html[html.index("Huyện Lý Sơn") :]
    assert "<details" not in leaf[: leaf.index("</li>")]
    english = await page(anyone, "/so/don-vi", on="28/7/2023", lang="en")
    assert "On 28 Jul 2023, Tỉnh Quảng Ngãi has 13 districts, 173 commune-level units" in english


async def test_members_are_counted_for_officers_up_the_tree(running: Stack, officer: httpx.AsyncClient) -> None:
    before = await page(officer, f"/so/don-vi/{MO_DUC}")
    await team_of(officer, TOWN, members=3)
    await team_of(officer, DUC_NHUAN, members=2)
    after = await page(officer, f"/so/don-vi/{MO_DUC}")

    def numbers(text: str) -> list[int]:
        found = re.search(r"Tổ, kể cả cấp dưới (\d+) Xem danh sách tổ Thành viên các tổ đó (\d+)", text)
        assert found, text
        return [int(n) for n in found.groups()]

    assert [b - a for a, b in zip(numbers(before), numbers(after), strict=True)] == [2, 5]


async def test_a_day_that_nobody_can_read_stays_where_it_was_typed(running: Stack) -> None:
    answer = await running.client().get("/so/don-vi", params={"on": "30/02/2023"})
    assert field(answer.text, "on") == "30/02/2023"
    assert "Không đọc được ngày này" in text_of(answer)
    assert "Chưa có bản đồ hành chính cho ngày 01/01/1995" in await page(running.client(), "/so/don-vi", on="1/1/1995")


async def test_a_unit_is_found_however_it_is_typed_and_people_by_officers_only(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    said = await page(running.client(), "/so/don-vi", q="li SON", on="28/7/2023")
    assert "kết quả cho «li SON»" in said
    assert "Huyện Lý Sơn, Tỉnh Quảng Ngãi" in said
    assert "Không tìm thấy gì tên «???»" in await page(running.client(), "/so/don-vi", q="???")
    name = "Khổng Thị Tìm Thấy"
    team_id, _, _ = await team_of(officer, TOWN)
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=a_member(full_name=name)), 201)
    assert f"{name}, tổ viên, Tổ" in await page(officer, "/so/don-vi", q="khong thi tim")
    assert name not in await page(running.client(), "/so/don-vi", q="khong thi tim")


async def test_a_place_is_said_once_and_with_its_district(officer: httpx.AsyncClient) -> None:
    mark = f"Z{new_id()[-12:]}"
    for name in (f"Tổ {mark} thị trấn Mộ Đức", f"Tổ {mark} Đức"):
        await ok(officer.post("/registry/teams", json=a_team(TOWN, name=name)), 201)
    await ok(officer.post("/registry/teams", json=a_team(LY_SON, name=f"Tổ {mark} Huyện Lý Sơn")), 201)
    said = await page(officer, "/so", q=mark)
    assert f"Tổ {mark} thị trấn Mộ Đức, Huyện Mộ Đức " in said
    assert f"Tổ {mark} Đức, Thị trấn Mộ Đức, Huyện Mộ Đức " in said
    assert f"Tổ {mark} Huyện Lý Sơn " in said
    assert f"{mark} Huyện Lý Sơn," not in said
    team_id, _, _ = await team_of(officer, TOWN)
    person = a_member(full_name=f"Bá {mark}")
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=person), 201)
    other, _, _ = await team_of(officer, DUC_NHUAN)
    choice = await page(officer, f"/so/to/{other}/them-nguoi-cu", q=f"Bá {mark}")
    assert "tổ viên, Tổ (Thị trấn Mộ Đức, Huyện Mộ Đức)" in choice


async def test_what_is_not_there_is_said_as_a_page_in_the_readers_language(running: Stack) -> None:
    anyone = running.client()
    assert "Không có đơn vị «nobody»" in await page(anyone, "/so/don-vi/nobody", 404)
    assert "No unit «nobody»" in await page(running.client(), "/so/don-vi/nobody", 404, lang="en")
    assert "Địa chỉ này không có" in await page(anyone, "/so/nowhere", 404)
    assert "Dữ liệu chưa đúng" in await page(anyone, "/so/don-vi", 422, q="x" * 101)


# -- who may ----------------------------------------------------------------------------------------------------------

FOR_OFFICERS = ("/so/to", "/so/to/lap", "/so/nhap", "/so/sap-xep")


@pytest.mark.parametrize("path", FOR_OFFICERS)
async def test_pages_for_officers_ask_for_a_sign_in_and_refuse_others(running: Stack, path: str) -> None:
    assert "chỉ dành cho cán bộ đã đăng nhập" in await page(running.client(), path, 401)
    assert "Chức năng này chỉ dành cho" in await page(running.client(Role.LEARNER, units=["51"]), path, 403)


async def test_an_officer_sees_the_own_teams_only_and_a_leader_the_own_one(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    mine, _, _ = await team_of(officer, TOWN)
    other, _, _ = await team_of(officer, LY_SON, "district")
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    html = (await commune.get("/so/to")).text
    assert f"/so/to/{mine}" in html
    assert other not in html
    assert "không thuộc phạm vi của bạn" in await page(commune, f"/so/to/{other}", 403)
    assert "không thuộc phạm vi của bạn" in await page(commune, f"/so/to/{other}/them", 403)
    leader = running.client(Role.TEAM_LEADER, team_id=mine)
    assert (await leader.get("/so/to")).headers["location"] == f"/so/to/{mine}"
    assert "Thành viên ngày" in await page(leader, f"/so/to/{mine}")
    assert "không thuộc phạm vi của bạn" in await page(leader, f"/so/to/{other}", 403)


async def test_names_are_for_those_who_work_with_the_team_and_each_look_is_on_record(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, [member_id], _ = await team_of(officer)

    async def looks() -> int:
        async with running.services["registry"].pool.acquire() as conn:
            asked = "select count(*) from vault_access where member_id = $1 and action = 'read' and why = 'team_page'"
            return int(await conn.fetchval(asked, member_id))

    assert "Nguyễn Văn Thử" in await page(officer, f"/so/to/{team_id}")
    assert await looks() == 1
    operator = running.client(Role.OPERATOR, units=["51"])
    assert "Nguyễn Văn Thử" not in await page(operator, f"/so/to/{team_id}")
    assert await looks() == 1


# -- forms ------------------------------------------------------------------------------------------------------------


def a_founding(**changed: str) -> dict[str, str]:
    """A filled form."""
    return {
        "team_id": new_id(), "level": "commune", "unit_id": TOWN, "village": "", "name": "Tổ mới lập",
        "decision_number": "12/QĐ-UBND", "decision_date": "1/7/2023", "formed_on": "03-07-23", **changed,
    }  # fmt: skip


async def test_a_team_is_formed_once_however_often_the_form_is_sent(running: Stack, officer: httpx.AsyncClient) -> None:
    opened = (await officer.get("/so/to/lap", params={"unit_id": TOWN})).text
    sent = a_founding(team_id=field(opened, "team_id"))
    for _ in range(2):
        goes(await officer.post("/so/to/lap", data=sent), to=f"/so/to/{sent['team_id']}?done=formed")
    formed = [e for e in await running.log("registry", TeamFormed) if e.key() == sent["team_id"]]
    assert [(str(e.formed_on), e.name) for e in formed if isinstance(e, TeamFormed)] == [("2023-07-03", "Tổ mới lập")]
    assert "Đã lập tổ." in await page(officer, f"/so/to/{sent['team_id']}", done="formed")


async def test_only_levels_of_teams_that_one_may_form_are_offered(running: Stack, officer: httpx.AsyncClient) -> None:
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    for client, offered in ((commune, ["commune", "village"]), (district, ["district", "commune", "village"])):
        html = (await client.get("/so/to/lap")).text
        assert re.findall(r'name="level" value="(\w+)"', html) == offered
    refused = await commune.post("/so/to/lap", data=a_founding(name=""))
    assert re.findall(r'name="level" value="(\w+)"', refused.text) == ["commune", "village"]
    team_id, _, _ = await team_of(officer, MO_DUC, level="district")
    moving = (await officer.get(f"/so/to/{team_id}/chuyen")).text
    assert re.search(r'name="level" value="district" checked', moving)


async def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field_and_on_top(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    sent = a_founding(name="Tổ «sai» <b>", formed_on="32/7/2023", decision_number="")
    answer = await officer.post("/so/to/lap", data=sent)
    html = answer.text
    said = text_of(answer, 422)
    assert said.count("phải là ngày có thật, ví dụ 28/07/2023") == 2
    assert said.count("cần điền mục này") == 2
    assert field(html, "name") == "Tổ «sai» <b>"
    assert field(html, "formed_on") == "32/7/2023"
    assert field(html, "team_id") == sent["team_id"]
    assert re.search(r'<option[^>]*value="21400" selected', html)
    assert re.search(
        r'<input id="formed_on"[^>]*aria-describedby="formed_on-hint formed_on-wrong"[^>]*aria-invalid', html
    )
    assert '<a href="#formed_on">Ngày tổ bắt đầu hoạt động: phải là ngày có thật' in html
    assert '<a href="#decision_number">Số quyết định thành lập: cần điền mục này' in html
    assert [e for e in await running.log("registry", TeamFormed) if e.key() == sent["team_id"]] == []
    corrected = await officer.post("/so/to/lap", data=sent | {"formed_on": "3/7/2023", "decision_number": "1/QĐ"})
    goes(corrected, to=f"/so/to/{sent['team_id']}?done=formed")


async def test_a_rule_of_the_api_refuses_on_the_page_too(officer: httpx.AsyncClient) -> None:
    answer = await officer.post("/so/to/lap", data=a_founding(decision_date="4/7/2023", formed_on="3/7/2023"))
    assert "Ngày quyết định phải trước hoặc đúng ngày lập tổ." in text_of(answer, 422)
    answer = await officer.post("/so/to/lap?lang=en", data=a_founding(unit_id="nobody"))
    assert "There is no unit «nobody»" in text_of(answer, 422)


async def test_people_join_change_role_move_and_leave_and_the_page_tells_it(officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer, TOWN)
    other, _, _ = await team_of(officer, DUC_NHUAN)
    opened = (await officer.get(f"/so/to/{team_id}/them")).text
    member = field(opened, "member_id")
    joining = {"member_id": member, "full_name": "Trần Thị Hoà", "phone": "", "role": "leader", "joined_on": "1/8/2023"}
    refused = await officer.post(f"/so/to/{team_id}/them", data=joining)
    assert "Tổ đã có tổ trưởng khác" in text_of(refused, 409)
    assert field(refused.text, "full_name") == "Trần Thị Hoà"
    taken = await officer.post(f"/so/to/{team_id}/them", data=joining | {"role": "member"})
    goes(taken, to=f"/so/to/{team_id}?done=joined")
    role = {"role": "deputy", "effective_on": "1/9/2023", "key": new_id()}
    goes(await officer.post(f"/so/to/{team_id}/{member}/nhiem-vu", data=role), to=f"/so/to/{team_id}?done=role")
    moving = {"to_team_id": other, "role": "member", "moved_on": "1/1/2024", "key": new_id()}
    goes(await officer.post(f"/so/to/{team_id}/{member}/chuyen", data=moving), to=f"/so/to/{other}?done=moved")
    said = await page(officer, f"/so/to/{team_id}")
    assert "31/12/2023 Trần Thị Hoà có ngày cuối ở tổ: chuyển sang tổ khác" in said
    assert "01/09/2023 Trần Thị Hoà là tổ phó" in said
    assert "01/08/2023 Trần Thị Hoà tham gia, là tổ viên" in said
    assert "Thành viên ngày 01/10/2023" in await page(officer, f"/so/to/{team_id}", on="1/10/2023")
    leaving = {"left_on": "1/2/2024", "reason": "resigned", "key": new_id()}
    goes(await officer.post(f"/so/to/{team_id}/{leader}/roi", data=leaving), to=f"/so/to/{team_id}?done=left")
    assert "Đã rời tổ" not in await page(officer, f"/so/to/{team_id}")
    assert "Tổ trưởng chưa có" in await page(officer, f"/so/to/{team_id}")
    assert "Thành viên đã rời tổ ngày 01/02/2024" in await page(officer, f"/so/to/{team_id}/{leader}/roi", 409)


async def test_a_team_is_renamed_moved_and_disbanded(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    same = {"name": "Tổ", "effective_on": "1/9/2023", "key": new_id()}
    assert "Tổ đang mang tên «Tổ»" in text_of(await officer.post(f"/so/to/{team_id}/doi-ten", data=same), 409)
    renamed = same | {"name": "Tổ khác"}
    for _ in range(2):
        goes(await officer.post(f"/so/to/{team_id}/doi-ten", data=renamed), to=f"/so/to/{team_id}?done=renamed")
    assert len([e for e in await running.log("registry", TeamRenamed) if e.key() == team_id]) == 1
    moved = {"level": "commune", "unit_id": DUC_NHUAN, "village": "", "effective_on": "1/10/2023", "key": new_id()}
    goes(await officer.post(f"/so/to/{team_id}/chuyen", data=moved), to=f"/so/to/{team_id}?done=moved")
    ended = {"last_day": "31/12/2023", "key": new_id()}
    assert "cần điền mục này" in text_of(await officer.post(f"/so/to/{team_id}/giai-the", data=ended), 422)
    ended |= {"reason": "task_done"}
    goes(await officer.post(f"/so/to/{team_id}/giai-the", data=ended), to=f"/so/to/{team_id}?done=disbanded")
    said = await page(officer, f"/so/to/{team_id}")
    assert "Tổ đã giải thể; ngày hoạt động cuối là 31/12/2023." in said
    assert "01/09/2023 Đổi tên thành «Tổ khác»" in said
    assert "sang Xã Đức Lợi, Huyện Mộ Đức, theo quyết định chuyển tổ" in said
    assert "Thêm thành viên" not in said


# -- forged forms -----------------------------------------------------------------------------------------------------

FROM_HERE = ({"sec-fetch-site": "same-origin"}, {"origin": "http://phongtrao.test"})
FROM_ELSEWHERE: tuple[dict[str, str], ...] = (
    {},
    {"origin": "https://elsewhere.test"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "origin": "http://phongtrao.test"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "http://phongtrao.test.elsewhere.test"},
)


async def by_cookie(running: Stack, headers: dict[str, str]) -> tuple[httpx.Response, dict[str, str]]:
    """A founding that a browser sends with its session cookie."""
    browser = running.client()
    browser.cookies.set(COOKIE, running.token(Role.PROVINCE_OFFICER, units=["51"]))
    sent = a_founding()
    return await browser.post("/so/to/lap", data=sent, headers=headers), sent


@pytest.mark.parametrize("headers", FROM_HERE, ids=str)
async def test_a_form_of_our_own_page_is_taken_with_the_cookie(running: Stack, headers: dict[str, str]) -> None:
    answer, sent = await by_cookie(running, headers)
    goes(answer, to=f"/so/to/{sent['team_id']}?done=formed")


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
async def test_a_form_from_elsewhere_does_nothing(running: Stack, headers: dict[str, str]) -> None:
    answer, sent = await by_cookie(running, headers)
    assert "không được gửi từ trang của hệ thống" in text_of(answer, 403)
    assert [e for e in await running.log("registry", TeamFormed) if e.key() == sent["team_id"]] == []


async def test_the_cookie_alone_still_commands_no_endpoint_of_the_api(running: Stack) -> None:
    browser = running.client()
    browser.cookies.set(COOKIE, running.token(Role.PROVINCE_OFFICER, units=["51"]))
    answer = await browser.post("/registry/teams", json=a_team(), headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 401


# -- reforms ----------------------------------------------------------------------------------------------------------


async def test_a_reform_is_previewed_chosen_confirmed_carried_out_and_taken_back(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    nats = await fresh_nats(nats_config())
    async with stack(REGISTRY, postgres=postgres, nats=nats, clock=HandClock(NOW)) as running:
        officer = running.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        team_id, _, _ = await team_of(officer, TRA_BUI)
        assert "2 quyết định sắp xếp chưa thực hiện" in await page(officer, "/so/sap-xep")
        january = "/so/sap-xep/thu/2025-01"
        assert "Không có điều gì phải chọn." in await page(officer, january)
        assert "từ ngày 01/01/2025?" in text_of(await officer.post(january, data={"reform_id": "2025-01"}))
        sure = {"reform_id": "2025-01", "step": "execute"}
        for sent in (sure, sure):
            answer = await officer.post(january, data=sent)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/so/sap-xep/2025-01")
        said = await page(officer, "/so/don-vi", on="1/1/2025")
        assert "13 đơn vị cấp huyện, 170 đơn vị cấp xã" in said
        assert "Xã An Phú từ Xã Nghĩa Phú, Xã Nghĩa An" in said
        gone = await page(officer, f"/so/don-vi/{NGHIA_AN}")
        assert "Đơn vị này không còn từ 01/01/2025. Kế thừa: Xã An Phú." in gone
        assert "Xã Nghĩa An → Xã An Phú" in gone
        await _july(officer, team_id)
        newer = text_of(await officer.post("/so/sap-xep/2025-01/rut-lai"), 422)
        assert "Chưa rút lại được 1279/NQ-UBTVQH15" in newer
        goes(await officer.post("/so/sap-xep/2025-07/rut-lai", data={"step": "execute"}), to="/so/sap-xep/2025-07")
        assert "đã được rút lại" in await page(officer, "/so/sap-xep/2025-07")
        assert "170 đơn vị cấp xã" in await page(officer, "/so/don-vi", on="1/7/2025")


async def _july(officer: httpx.AsyncClient, team_id: str) -> None:
    """The team of a commune that is split has to be sent somewhere before anything is done."""
    july, question = "/so/sap-xep/thu/2025-07", f"choices.teams.{team_id}"
    assert "1 điều quyết định chưa nói rõ" in await page(officer, july)
    open_one = await officer.post(july, data={"reform_id": "2025-07", question: "", "step": "execute"})
    assert text_of(open_one, 422).count("hãy chọn đơn vị cho «Tổ»") == 2
    chosen = {"reform_id": "2025-07", question: "21157-2507"}
    confirm = await officer.post(july, data=chosen)
    assert field(confirm.text, question) == "21157-2507"
    goes(await officer.post(july, data=chosen | {"step": "execute"}), to="/so/sap-xep/2025-07?done=1")
    assert "có 96 đơn vị cấp xã, không có cấp huyện" in await page(officer, "/so/don-vi", on="1/7/2025")
    split = await page(officer, f"/so/don-vi/{TRA_BUI}")
    assert "Xã Trà Bùi → Xã Cà Đam (một phần), Xã Tây Trà Bồng (một phần)" in split
    assert "sang Xã Tây Trà Bồng, theo quyết định sắp xếp đơn vị" in await page(officer, f"/so/to/{team_id}")


async def test_only_the_province_previews_a_reform_of_the_map(running: Stack) -> None:
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    assert "Cán bộ tỉnh xem thử và thực hiện." in await page(district, "/so/sap-xep")
    assert "Chức năng này chỉ dành cho" in await page(district, "/so/sap-xep/thu/2025-01", 403)
    assert "Dữ liệu chưa đúng" in await page(district, "/so/sap-xep/thu/nonsense", 422)


async def test_a_member_of_another_day_is_no_member_today(officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer, TOWN)
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=a_member(joined_on="2025-01-01")), 201)
    assert "Thành viên 1 chưa ai rời tổ" in await page(officer, f"/so/to/{team_id}", on="2024-12-31")
    assert "Thành viên 2 chưa ai rời tổ" in await page(officer, f"/so/to/{team_id}")
