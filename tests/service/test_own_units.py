"""After a reform officers learn what became of the units that their tokens name, and gain no right by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from services.registry.store import units
from services.registry.unit import Unit
from shared.auth import Role
from shared.contracts.reform import Level
from tests.service.reforms import AFTER, World, world
from tests.support.pages import page
from tests.support.servers import Nats, Postgres
from tests.support.world import MO_DUC, a_team, ok, refused

NGHIA_DUNG, AN_PHU, LY_SON, TRA_BUI = "21034", "21034-2507", "536", "21142"


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    async with world(postgres, guarded_nats, NGHIA_DUNG) as made:
        await made.execute(edition="2025-01")
        villages = {"v-21142-1": "21136-2507", "v-21142-2": "21157-2507"}
        await made.execute(edition="2025-07", choices={"villages": villages})
        yield made


async def own(here: World, *unit_ids: str) -> list[dict[str, Any]]:
    officer = here.running.client(Role.COMMUNE_OFFICER, units=unit_ids)
    answer = await officer.get("/registry/own-units")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def ids(units: list[dict[str, Any]]) -> set[str]:
    return {u["unit_id"] for u in units}


async def test_a_merged_commune_names_its_successor(here: World) -> None:
    [told] = await own(here, NGHIA_DUNG)
    assert (told["unit"], told["ended_on"], told["last_known"]["name"]) == (None, "2025-07-01", "Xã Nghĩa Dũng")
    assert ids(told["successors"]) == {AN_PHU}


async def test_a_split_commune_names_both_and_a_district_its_heir(here: World) -> None:
    split, district = await own(here, TRA_BUI, MO_DUC)
    assert ids(split["successors"]) == {"21136-2507", "21157-2507"}
    assert len(split["heirs"]) == 1
    assert (district["unit"], district["ended_on"], len(district["heirs"])) == (None, "2025-07-01", 1)


async def test_a_unit_that_goes_on_is_shown_as_it_is_and_an_unknown_one_is_said_to_be_unknown(here: World) -> None:
    kept, unknown = await own(here, LY_SON, "nowhere")
    assert (kept["unit"]["name"], kept["ended_on"], kept["successors"]) == ("Đặc khu Lý Sơn", None, [])
    assert (unknown["unit"], unknown["last_known"], unknown["successors"]) == (None, None, [])


async def test_a_unit_that_is_yet_to_come_has_not_ended(here: World) -> None:
    later = Unit("later", "", "Thôn Sau", "hamlet", Level.VILLAGE, LY_SON, None, LY_SON, "", date(2026, 1, 1))
    async with here.running.services["registry"].pool.acquire() as conn:
        await units.save_states(conn, [later._replace(valid_to=date(2027, 1, 1))], known_from=AFTER)
    [told] = await own(here, "later")
    assert (told["unit"], told["last_known"]["name"], told["ended_on"]) == (None, "Thôn Sau", None)
    desk = await page(here.running.client(Role.COMMUNE_OFFICER, units=["later"]), "/so")
    assert "Thôn Sau chỉ có từ 01/01/2026." in desk


async def test_a_reform_gives_no_rights_and_the_refusal_says_where_to_look(here: World) -> None:
    before = here.running.client(Role.COMMUNE_OFFICER, units=[NGHIA_DUNG])
    paper = {"decision_date": "2025-07-02", "formed_on": "2025-07-02"}
    problem = refused(await before.post("/registry/teams", json=a_team(AN_PHU, **paper)), 403, "outside_your_unit",
                      "unit_id")  # fmt: skip
    assert "/registry/own-units" in problem["messages"]["vi"]
    assert (await ok(before.get("/registry/teams")))["total"] == 0
    assert (await ok(before.get("/registry/teams", params={"on": "2025-06-30"})))["total"] == 1
    after = here.running.client(Role.COMMUNE_OFFICER, units=[AN_PHU])
    assert (await ok(after.get("/registry/teams")))["total"] == 1


async def test_it_is_for_officers(here: World) -> None:
    member = here.running.client(Role.MEMBER, units=[NGHIA_DUNG], member_id="m")
    refused(await member.get("/registry/own-units"), 403, "role_not_allowed", "Authorization")


# -- the desk ---------------------------------------------------------------------------------------------------------


async def test_the_desk_says_what_comes_after_the_own_unit(here: World) -> None:
    merged, split, district, kept, unknown = [
        await page(here.running.client(Role.COMMUNE_OFFICER, units=[unit_id]), "/so")
        for unit_id in (NGHIA_DUNG, TRA_BUI, MO_DUC, LY_SON, "nowhere")
    ]
    ask = "Bạn không thấy tổ và người của đơn vị mới. Quyền không tự chuyển: hãy xin cấp quyền cho đơn vị mới."
    assert f"Xã Nghĩa Dũng không còn từ 01/07/2025. Kế thừa: Xã An Phú. {ask}" in merged
    assert "Xã Trà Bùi không còn từ 01/07/2025. Kế thừa: Xã Cà Đam, Xã Tây Trà Bồng. Tiếp nhận việc còn dở: Xã" in split
    assert "Huyện Mộ Đức không còn từ 01/07/2025." in district
    assert "Tiếp nhận việc còn dở: Xã Mộ Đức." in district
    assert "Quyền không tự chuyển" not in kept
    assert "chỉ có từ" not in kept
    assert "Tài khoản của bạn ghi đơn vị «nowhere», không có trong sổ đăng ký." in unknown
