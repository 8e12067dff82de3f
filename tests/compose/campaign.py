"""A small campaign, driven over HTTP through Caddy: the units of 2023, an organisation, a team of two, a course."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.auth import Role
from shared.ids import new_id
from tests.compose.deployment import Deployment, eventually

TOWN, DISTRICT = "21400", "533"
NOW = datetime.now(UTC)
LAUNCH = (NOW - timedelta(days=5)).date()


class Campaign:
    """Who takes part. `citizens` numbers those who were guided, all distinct; `sessions` counts what was accepted."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.id, self.team, self.members = "qn-compose", new_id(), [new_id(), new_id()]
        self.officer = deployment.client(Role.PROVINCE_OFFICER, subject="officer", units=["51"])
        self.anyone = deployment.client()
        self.phone = deployment.client(Role.MEMBER, subject="m", member_id=self.members[0], team_id=self.team)
        self.sessions = 0

    def items(self, count: int) -> list[dict[str, Any]]:
        """Guidances of `count` citizens whom nobody has guided yet, as a phone sends them."""
        self.sessions += count
        first = self.sessions - count
        return [
            {
                "guidance_id": new_id(),
                "member_id": self.members[0],
                "occurred_at": (NOW - timedelta(hours=30)).isoformat(),
                "citizen": {"phone": f"01000{number:05}"},
                "topics": ["services"],
                "place": "home",
            }
            for number in range(first, first + count)
        ]

    def send(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """One batch from the phone."""
        return must(self.phone.post("/outreach/guidances", json={"campaign_id": self.id, "items": items}))

    def overview(self, min_pos: str | None = None) -> dict[str, Any]:
        """The province's numbers."""
        return must(self.anyone.get("/reporting/overview", params={"min_pos": min_pos} if min_pos else {}))

    def counted(self) -> tuple[int, int]:
        """Citizens and sessions, as the province's numbers show them now; -1 while it can't be said."""
        answer = self.anyone.get("/reporting/overview")
        if answer.status_code != 200:
            return -1, -1
        return answer.json()["citizens"], answer.json()["sessions"]

    def all_counted(self) -> None:
        """Waits until every guidance is in the province's numbers, once."""
        eventually(self.counted, (self.sessions, self.sessions))


def must(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer that had to be a 2xx."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


def begin(deployment: Deployment) -> Campaign:
    """Registers everybody and launches."""
    made = Campaign(deployment)
    officer = made.officer
    assert must(officer.post("/registry/editions/2023"))["established"] > 180
    organisation = {"organisation_id": "tinh-doan", "name": "Tỉnh đoàn", "sector": "mass_organisation"}
    must(officer.post("/registry/organisations", json=organisation))
    paper = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-07-01", "formed_on": "2023-07-03"}
    where = {"level": "commune", "unit_id": TOWN}
    must(officer.post("/registry/teams", json={"team_id": made.team, "name": "Tổ Mộ Đức", **where, **paper}))
    joined = {}
    for number, member in enumerate(made.members):
        person = {"full_name": "Nguyễn Văn Thử", "phone": f"090000000{number}", "joined_on": "2023-07-03"}
        joined = must(officer.post(f"/registry/teams/{made.team}/members", json={"member_id": member, **person}))
    body = {
        "campaign_id": made.id,
        "name": "Phong trào chuyển đổi số",
        "launched_on": LAUNCH.isoformat(),
        "report_due_on": (LAUNCH + timedelta(days=18)).isoformat(),
        "topics": [{"code": "services", "name_vi": "Dịch vụ công", "name_en": "Public services"}],
        "reporting_unit_ids": [DISTRICT],
    }
    must(officer.post("/outreach/campaigns", json=body, params={"min_pos": joined["pos"]}))
    return made
