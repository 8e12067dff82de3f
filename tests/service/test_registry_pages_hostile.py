"""Pages of registry under addresses and forms that nobody of good will sends: refused as pages, never a failure."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from shared.auth import Role
from tests.support.pages import PAGE
from tests.support.stack import Stack
from tests.support.world import MO_DUC, TOWN, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)
STRANGE = (
    "", " ", "\x00", "%", "'; drop table team; --", "<script>alert(1)</script>", "ễ" * 500, "\ud7ff\U0010ffff", "-1",
    "99999999999999999999", "32/13/2025", "1/1/0001", "0001-01-01", "9999-12-31", "../..", "{{ 7*7 }}",
    "{team}", "{member}",
)  # fmt: skip
ADDRESSES = (
    "/so/don-vi?q={}&on={}&open={}", "/so/don-vi/{}?on={}", "/so/to?q={}&on={}&within={}", "/so/to?after={}&page={}",
    "/so/to?before={}&sort={}", "/so/to/lap?unit_id={}", "/so/to/{}", "/so/to/{team}?on={}&done={}",
    "/so/to/{team}/{member}/chuyen?within={}", "/so/nhap?kind={}",
    "/so/nhap/{}?outcome={}", "/so/sap-xep/{}", "/so/sap-xep/thu/{}", "/so/sap-xep/{}?done={}",
    "/so?q={}", "/so/yeu-cau?state={}", "/so/yeu-cau?after={}", "/so/yeu-cau/ghi?q={}&member_id={}", "/so/nguoi/{}",
    "/so/nguoi/{member}?why={}&done={}&asked={}", "/so/nhat-ky?since={}&until={}&after={}",
    "/so/nhat-ky?member_id={}&why={}",
    "/so/dau-moi?unit_id={}", "/so/dau-moi?team_id={team}&why={}", "/so/dau-moi/them?organisation_id={}",
    "/so/to/{team}/gop?within={}", "/so/to/{team}/them-nguoi-cu?q={}", "/so/sap-xep/soan?what={}",
    "/so/sap-xep/soan?what=merge&within={}&level=commune",
    "/so/sap-xep/soan?what=split&within=51&level=commune&unit={}",
    "/so/sap-xep/soan?what=promote&within=51&level={}&unit=51",
)  # fmt: skip
FORMS = {
    "/so/to/lap": ("team_id", "level", "unit_id", "village", "name", "decision_number", "decision_date", "formed_on"),
    "/so/to/{team}/doi-ten": ("name", "effective_on", "key"),
    "/so/to/{team}/chuyen": ("level", "unit_id", "village", "effective_on", "key"),
    "/so/to/{team}/giai-the": ("last_day", "reason", "key"),
    "/so/to/{team}/them": ("member_id", "full_name", "phone", "role", "organisation_id", "joined_on"),
    "/so/to/{team}/{member}/nhiem-vu": ("role", "effective_on", "key"),
    "/so/to/{team}/{member}/chuyen": ("to_team_id", "role", "moved_on", "key"),
    "/so/to/{team}/{member}/roi": ("left_on", "reason", "key"),
    "/so/nhap": ("kind", "file"),
    "/so/nhap/nothing": ("mode", "choice.0"),
    "/so/sap-xep/thu/2025-01": ("reform_id", "choices.teams.x", "choices.villages.x"),
    "/so/sap-xep/nothing/rut-lai": ("step",),
    "/so/yeu-cau/ghi": ("request_id", "member_id", "kind", "on", "at", "q"),
    "/so/nguoi/{member}/sua": ("full_name", "phone", "title", "legal_basis", "withdrawn"),
    "/so/dau-moi/them": ("contact_id", "unit_id", "team_id", "full_name", "phone", "title", "legal_basis", "since"),
    "/so/to/{team}/gop": ("into_team_id", "effective_on", "leader_id", "other_leader_becomes", "step", "key"),
    "/so/to/{team}/them-nguoi-cu": ("member_id", "role", "organisation_id", "joined_on", "q", "key"),
    f"/so/sap-xep/soan?what=split&within={MO_DUC}&level=commune&unit={TOWN}": (
        "plan.reform_id", "plan.effective_on", "plan.legal_basis.number", "plan.legal_basis.issued_on", "heir", "step",
        "plan.successors.0.unit.unit_id", "plan.successors.0.unit.name", "plan.successors.0.unit.kind",
        "plan.successors.0.unit.code", "plan.successors.0.unit.parent_id", "choices.teams.x", "choices.villages.",
    ),
    f"/so/sap-xep/soan?what=promote&within={MO_DUC}&level=commune&unit={TOWN}": (
        "plan.reform_id", "plan.effective_on", "step", "plan.successors.0.unit.unit_id", "plan.successors.0.unit.name",
        "plan.successors.0.unit.kind", "plan.successors.0.unit.parent_id",
    ),
    "/so/sap-xep/soan": ("step", "plan.reform_id"),
    "/so/nhap/nothing/bo": ("key",),
    "/so/yeu-cau/nothing": ("outcome",),
    "/so/dau-moi/nothing/ket-thuc": ("last_day",),
    "/so/nguoi/{member}/rut": ("key",),
    "/so/nguoi/{member}/xoa": ("key",),
}  # fmt: skip


def must_be_a_page(answer: httpx.Response, said: object) -> None:
    assert answer.status_code < 500, said
    if answer.status_code != 303:
        assert answer.headers["content-type"] == PAGE, said
        assert "<script>alert" not in answer.text, said
        assert "{{" not in answer.text.replace("{{ 7*7 }}", ""), said


async def test_strange_addresses_get_a_page(running: Stack) -> None:
    officer = running.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
    team_id, [member_id], _ = await team_of(officer, TOWN)
    for address in ADDRESSES:
        for strange in STRANGE:
            value = str(httpx.QueryParams({"v": strange}))[2:].replace("+", "%20")
            path = address.replace("{team}", team_id).replace("{member}", member_id).replace("{}", value)
            answer = await officer.get(path)
            if answer.status_code != 404 or "<main" in answer.text:
                must_be_a_page(answer, path)


async def test_strange_forms_get_a_page(running: Stack) -> None:
    officer = running.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
    for path, names in FORMS.items():
        team_id, [member_id], _ = await team_of(officer, TOWN)
        address = path.replace("{team}", team_id).replace("{member}", member_id)
        for strange in STRANGE:
            value = strange.replace("{team}", team_id).replace("{member}", member_id)
            must_be_a_page(await officer.post(address, data=dict.fromkeys(names, value)), (path, strange))
        for step in ("preview", "choose", "execute", "edit"):
            must_be_a_page(await officer.post(address, data={"step": step}), (path, step))
        must_be_a_page(await officer.post(address, content=b"\xff\xfe", headers={"content-type": "text/plain"}), path)
