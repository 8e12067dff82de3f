"""The one path: a phone's POST becomes a province-wide number, through all four services on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from shared.clock import VIETNAM
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack

MO_DUC, TOWN = "533", "21400"
CAMPAIGN = {
    "campaign_id": "qn-2023",
    "name": "Phong trào chuyển đổi số 2023",
    "launched_on": "2023-07-28",
    "report_due_on": "2023-08-15",
    "topics": [{"code": "services", "name_vi": "Dịch vụ công", "name_en": "Public services"}],
    "reporting_unit_ids": [MO_DUC],
}


@pytest.fixture
async def running(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[Stack]:
    nats = await fresh_nats(nats_config())
    clock = HandClock(datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM))
    async with stack(REGISTRY, OUTREACH, COURSES, REPORTING, postgres=postgres, nats=nats, clock=clock) as found:
        yield found


async def _ok(answer: Awaitable[httpx.Response]) -> dict[str, Any]:
    response = await answer
    assert response.status_code in {200, 201}, response.text
    body: dict[str, Any] = response.json()
    return body


async def _set_up(officer: httpx.AsyncClient) -> tuple[str, str, str]:
    """A team of one at Mộ Đức and a running campaign; answers with both, and the position that tells of them."""
    team, member = new_id(), new_id()
    await _ok(officer.post("/registry/editions/2023"))
    paper = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-07-01", "formed_on": "2023-07-03"}
    where = {"level": "commune", "unit_id": TOWN}
    await _ok(officer.post("/registry/teams", json={"team_id": team, "name": "Tổ Mộ Đức", **where, **paper}))
    person = {"member_id": member, "full_name": "Nguyễn Văn Thử", "phone": "0100000009", "joined_on": "2023-07-03"}
    joined = await _ok(officer.post(f"/registry/teams/{team}/members", json=person))
    await _ok(officer.post("/outreach/campaigns", json=CAMPAIGN, params={"min_pos": joined["pos"]}))
    return team, member, joined["pos"]


def _item(member: str, citizen: int, day: int = 29) -> dict[str, Any]:
    return {
        "guidance_id": new_id(),
        "member_id": member,
        "occurred_at": f"2023-07-{day}T19:30:00+07:00",
        "citizen": {"phone": f"01000{citizen:05}"},
        "topics": ["services"],
        "place": "home",
    }


async def test_a_phones_post_becomes_a_province_wide_number(running: Stack) -> None:
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    team, member, known = await _set_up(officer)
    phone = running.client(Role.MEMBER, member_id=member, team_id=team)

    items = [_item(member, n) for n in range(7)]
    batch = {"campaign_id": "qn-2023", "items": [*items, _item(member, 0)]}
    answer = await _ok(phone.post("/outreach/guidances", json=batch))
    assert answer["accepted"] == 8

    overview = await _ok(running.client().get("/reporting/overview", params={"min_pos": f"{known},{answer['pos']}"}))
    assert (overview["citizens"], overview["sessions"]) == (7, 8)
    assert overview["members"] == {"total": 1, "started": 1, "met": 1}
    assert overview["teams"] == {"total": 1, "met": 1}
    units = await _ok(running.client().get("/reporting/units"))
    mo_duc = next(u for u in units["items"] if u["unit_id"] == MO_DUC)
    assert (mo_duc["members_met"], mo_duc["members"], mo_duc["citizens"], mo_duc["sessions"]) == (1, 1, 7, 8)
    assert len(units["items"]) == 13


async def test_a_blind_resend_and_a_withdrawal_leave_the_right_numbers(running: Stack) -> None:
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    team, member, known = await _set_up(officer)
    phone = running.client(Role.MEMBER, member_id=member, team_id=team)
    items = [_item(member, n) for n in range(7)]
    await _ok(phone.post("/outreach/guidances", json={"campaign_id": "qn-2023", "items": items}))

    again = await _ok(phone.post("/outreach/guidances", json={"campaign_id": "qn-2023", "items": items}))
    assert {r["result"] for r in again["receipts"]} == {"already_had"}
    gone = await _ok(
        phone.post(f"/outreach/guidances/{items[0]['guidance_id']}/withdraw", json={"reason": "did_not_happen"})
    )

    overview = await _ok(officer.get("/reporting/overview", params={"min_pos": f"{known},{gone['pos']}"}))
    assert (overview["citizens"], overview["sessions"], overview["withdrawn"]) == (6, 6, 1)
    assert overview["members"]["met"] == 0
    mine = await _ok(phone.get("/reporting/members"))
    assert [(m["citizens_in_window"], m["missing"]) for m in mine["items"]] == [(6, 1)]
    received = await _ok(officer.get("/reporting/daily", params={"by": "received"}))
    assert [(d["day"], d["sessions"], d["withdrawn"]) for d in received["items"]] == [("2023-07-30", 7, 1)]
    happened = await _ok(officer.get("/reporting/daily"))
    assert [(d["day"], d["sessions"], d["withdrawn"]) for d in happened["items"]] == [("2023-07-29", 7, 1)]


async def test_the_page_shows_the_same_numbers_in_both_languages(running: Stack) -> None:
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    _, member, _ = await _set_up(officer)
    batch = {"campaign_id": "qn-2023", "items": [_item(member, n) for n in range(3)]}
    await _ok(officer.post("/outreach/guidances", json=batch))
    await running.caught_up()

    vietnamese = await running.client().get("/", params={"lang": "vi"})
    english = await running.client().get("/", params={"lang": "en"})
    district = await running.client().get("/", params={"unit": MO_DUC})

    assert vietnamese.status_code == english.status_code == district.status_code == 200
    assert "Tỉnh Quảng Ngãi" in vietnamese.text
    assert 'lang="en"' in english.text
    assert "Thị trấn Mộ Đức" in district.text or "Mộ Đức" in district.text


async def test_an_answer_before_the_first_fold_is_empty_not_an_error(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    nats = await fresh_nats(nats_config())
    async with stack(REGISTRY, OUTREACH, COURSES, REPORTING, postgres=postgres, nats=nats, roles=["api"]) as running:
        anyone = running.client()
        overview = await _ok(anyone.get("/reporting/overview"))
        page = await anyone.get("/")
        courses = await _ok(anyone.get("/courses/courses"))
    assert (overview["campaign"], overview["read_model"]["state"]) == (None, "catching_up")
    assert page.status_code == 200
    assert courses["total"] == 0
