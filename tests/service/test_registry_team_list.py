"""GET /so/to: the list of teams in every order, page by page there and back, filtered, each officer's own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from services.registry.web import team_list
from shared.auth import Role
from shared.vietnamese import sort_key
from tests.support.pages import page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
TEAMS = {
    "t1": ("Tổ Âu", TOWN, "2023-07-04", 1), "t2": ("Tổ An", DUC_NHUAN, "2023-07-03", 3),
    "t3": ("Tổ Ấm", LY_SON, "2023-07-05", 0), "t4": ("Tổ Đông", TOWN, "2023-07-03", 3),
    "t5": ("Tổ Dung", DUC_NHUAN, "2023-07-06", 2), "t6": ("Tổ An", TOWN, "2023-07-03", 0),
    "t7": ("Tổ Hoà", LY_SON, "2023-07-04", 1),
}  # fmt: skip
"""Name, unit, founding day, members; who has three has a leader."""


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and these teams."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        officer = started.client(Role.PROVINCE_OFFICER, Role.OPERATOR, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for team_id, (name, unit_id, formed_on, members) in TEAMS.items():
            level = "district" if unit_id == LY_SON else "commune"
            body = a_team(unit_id, level, team_id=team_id, name=name, formed_on=formed_on)
            await ok(officer.post("/registry/teams", json=body), 201)
            for number in range(members):
                role = "leader" if members == 3 and not number else "member"
                member = a_member(joined_on=formed_on, role=role)
                await ok(officer.post(f"/registry/teams/{team_id}/members", json=member), 201)
        yield started


@pytest.fixture
def officer(running: Stack, monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    """Of the province, with pages of three teams."""
    monkeypatch.setattr(team_list, "PAGE", 3)
    return running.client(Role.PROVINCE_OFFICER, units=["51"])


async def look(client: httpx.AsyncClient, address: str) -> tuple[list[str], str, dict[str, str]]:
    """The teams of a page in their order, its text, and where it leads."""
    answer = await client.get(address)
    text = text_of(answer)
    links = re.findall(r'<a rel="(next|prev)" href="([^"]+)"', answer.text)
    body = answer.text[answer.text.index("<tbody") :] if "<tbody" in answer.text else ""
    return re.findall(r'href="/so/to/([^"?]+)', body), text, {r: h.replace("&amp;", "&") for r, h in links}


ORDERS: dict[str, Callable[[str], Any]] = {
    "name": lambda t: (),
    "unit": lambda t: sort_key({TOWN: "Thị trấn Mộ Đức", DUC_NHUAN: "Xã Đức Lợi", LY_SON: "Huyện Lý Sơn"}[TEAMS[t][1]]),
    "members": lambda t: -TEAMS[t][3],
    "formed": lambda t: -int(TEAMS[t][2][-2:]),
}


@pytest.mark.parametrize("order", ORDERS)
async def test_every_order_is_paged_there_and_back(officer: httpx.AsyncClient, order: str) -> None:
    wanted = sorted(TEAMS, key=lambda t: (ORDERS[order](t), sort_key(TEAMS[t][0]), t))
    shown, text, links = await look(officer, f"/so/to?sort={order}")
    pages = [shown]
    while "next" in links:
        assert f"Trang {len(pages)} trong 3" in text
        shown, text, links = await look(officer, links["next"])
        pages.append(shown)
    assert pages == [wanted[:3], wanted[3:6], wanted[6:]]
    assert "Tổ thứ 7 trong 7 tổ" in text
    for earlier in (pages[1], pages[0]):
        shown, text, links = await look(officer, links["prev"])
        assert shown == earlier
    assert "Tổ 1 đến 3 trong 7 tổ" in text
    assert "prev" not in links


async def test_a_filter_counts_what_it_keeps(officer: httpx.AsyncClient) -> None:
    for asked, kept, line in (
        ("q=an", ["t2", "t6"], "trong 2 tổ"),
        ("q=hoa", ["t7"], "trong 1 tổ"),
        ("leaderless=1&q=t%E1%BB%95+an", ["t6"], "trong 1 tổ"),
        ("leaderless=1&within=536", ["t3", "t7"], "trong 2 tổ"),
        ("level=district", ["t3", "t7"], "trong 2 tổ"),
        (f"within={MO_DUC}&level=district", [], "chưa có tổ nào"),
        ("q=xyz", [], "Không tổ nào hợp với bộ lọc."),
        ("on=03/07/2023", ["t2", "t6", "t4"], "trong 3 tổ"),
    ):
        shown, text, _ = await look(officer, f"/so/to?{asked}")
        assert (shown, line in text) == (kept, True), (asked, text)
    assert "có 7 tổ, 5 tổ chưa có tổ trưởng" in (await look(officer, "/so/to?q=hoa"))[1]


async def test_members_and_leaders_stand_beside_the_teams(officer: httpx.AsyncClient) -> None:
    text = await page(officer, "/so/to", sort="members")
    assert "Tổ Đông Thị trấn Mộ Đức, Huyện Mộ Đức cấp xã 3 Tổ trưởng: đã có 03/07/2023" in text
    assert "Tổ Dung Xã Đức Lợi, Huyện Mộ Đức cấp xã 2 Tổ trưởng: chưa có 06/07/2023" in text


async def test_a_page_behind_a_team_that_is_not_in_the_list_goes_back_to_its_beginning(
    officer: httpx.AsyncClient,
) -> None:
    answer = await officer.get("/so/to?sort=formed&after=nobody&page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/so/to?sort=formed")


async def test_an_officer_pages_through_the_own_teams_only(running: Stack, officer: httpx.AsyncClient) -> None:
    commune = running.client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN])
    shown, text, links = await look(commune, "/so/to")
    assert (shown, "có 2 tổ, 1 tổ chưa có tổ trưởng" in text, links) == (["t2", "t5"], True, {})
    assert (await look(commune, f"/so/to?within={TOWN}"))[0] == []
    district, _, links = await look(running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]), "/so/to")
    assert (district, list(links)) == (["t2", "t6", "t1"], ["next"])


async def test_only_levels_at_which_one_can_have_teams_are_offered(running: Stack) -> None:
    async def offered(role: Role, unit_id: str, asked: str = "") -> list[str]:
        html = (await running.client(role, units=[unit_id]).get(f"/so/to{asked}")).text
        return re.findall(r'<option value="([^"]+)"', html[html.index('<select id="level"') :].split("</select>")[0])

    every = ["district", "commune", "village"]
    assert await offered(Role.PROVINCE_OFFICER, "51") == every
    assert await offered(Role.DISTRICT_OFFICER, MO_DUC) == every
    assert await offered(Role.DISTRICT_OFFICER, LY_SON) == ["district", "village"], "it has no communes"
    assert await offered(Role.COMMUNE_OFFICER, DUC_NHUAN) == ["commune", "village"]
    assert await offered(Role.COMMUNE_OFFICER, DUC_NHUAN, "?level=district") == every, "what was asked for is shown"
