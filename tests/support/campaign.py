"""A small campaign over HTTP, for tests that need one to look at."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import httpx

from shared.ids import new_id

CAMPAIGN_ID = "qn-2023"
MO_DUC, TOWN = "533", "21400"


async def ok(answer: Awaitable[httpx.Response]) -> dict[str, Any]:
    """The body of an answer that must be a success."""
    response = await answer
    assert response.status_code in {200, 201}, response.text
    body: dict[str, Any] = response.json()
    return body


async def launch(officer: httpx.AsyncClient, *, members: int = 3) -> list[str]:
    """The units of 2023, a team at Mộ Đức and a launched campaign; answers with the members' ids."""
    team = new_id()
    await ok(officer.post("/registry/editions/2023"))
    paper = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-07-01", "formed_on": "2023-07-03"}
    where = {"level": "commune", "unit_id": TOWN}
    await ok(officer.post("/registry/teams", json={"team_id": team, "name": "Tổ Mộ Đức", **where, **paper}))
    ids, pos = [new_id() for _ in range(members)], ""
    for member in ids:
        person = {"member_id": member, "full_name": "Nguyễn Văn Thử", "joined_on": "2023-07-03"}
        pos = (await ok(officer.post(f"/registry/teams/{team}/members", json=person)))["pos"]
    campaign = {
        "campaign_id": CAMPAIGN_ID,
        "name": "Phong trào chuyển đổi số 2023",
        "launched_on": "2023-07-28",
        "report_due_on": "2023-08-15",
        "topics": [{"code": "services", "name_vi": "Dịch vụ công trực tuyến", "name_en": "Online public services"}],
        "reporting_unit_ids": [MO_DUC],
    }
    await ok(officer.post("/outreach/campaigns", json=campaign, params={"min_pos": pos}))
    return ids


async def guide(officer: httpx.AsyncClient, member: str, citizens: range) -> str:
    """One member guides these citizens on 29/7/2023; answers with the position."""
    items = [
        {
            "guidance_id": new_id(),
            "member_id": member,
            "occurred_at": "2023-07-29T19:30:00+07:00",
            "citizen": {"phone": f"01000{n:05}"},
            "topics": ["services"],
            "place": "home",
        }
        for n in citizens
    ]
    answer = await ok(officer.post("/outreach/guidances", json={"campaign_id": CAMPAIGN_ID, "items": items}))
    assert answer["accepted"] == len(items)
    return str(answer["pos"])
