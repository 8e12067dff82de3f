"""Registry as a whole: HTTP, Postgres, the stream. Each test makes teams of its own in one running service."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import MemberJoined, MemberLeft, OrganisationRegistered, TeamFormed, UnitEstablished
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack, nats_config, stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok, refused, team_of

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)


async def all_pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item of a list, page by page; the total said on each is theirs."""
    items: list[dict[str, Any]] = []
    after = None
    while True:
        page = await ok(client.get(path, params={**params, **({"after": after} if after else {})}))
        items += page["items"]
        after = page["next"]
        if after is None:
            assert page["total"] == len(items)
            return items


# -- units and organisations ------------------------------------------------------------------------------------------


async def test_an_edition_loads_once_however_often_it_is_asked_for(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    async with stack(REGISTRY, postgres=postgres, nats=await fresh_nats(nats_config())) as running:
        operator = running.client(Role.OPERATOR, units=["51"])
        answers = await asyncio.gather(*(ok(operator.post("/registry/editions/2023"), 201) for _ in range(5)))
        assert Counter(a["established"] for a in answers) == {187: 1, 0: 4}
        levels = Counter(e.level for e in await running.log("registry", UnitEstablished)
                         if isinstance(e, UnitEstablished))  # fmt: skip
        assert levels == {"province": 1, "district": 13, "commune": 173}
        refused(await operator.post("/registry/editions/1997"), 404, "no_such_edition", "edition")
        elsewhere = running.client(Role.OPERATOR, units=[MO_DUC])
        refused(await elsewhere.post("/registry/editions/2023"), 403, "outside_your_unit", "edition")


async def test_units_are_listed_by_level_and_below_a_unit_page_by_page(running: Stack) -> None:
    anyone = running.client()
    assert len(await all_pages(anyone, "/registry/units", limit=50)) == 187
    assert len(await all_pages(anyone, "/registry/units", limit=500, within="51")) == 186
    assert len(await all_pages(anyone, "/registry/units", level="district", within="51")) == 13
    below = await all_pages(anyone, "/registry/units", limit=5, within=MO_DUC)
    assert TOWN in {u["unit_id"] for u in below}
    assert {(u["level"], u["parent_id"]) for u in below} == {("commune", MO_DUC)}
    assert await all_pages(anyone, "/registry/units", within=LY_SON) == []


async def test_organisations_are_registered_once_and_listed(running: Stack, officer: httpx.AsyncClient) -> None:
    names = [f"to-chuc-{n}-{new_id()[-4:]}" for n in range(3)]
    body: dict[str, Any] = {}
    for name in names:
        body = {"organisation_id": name, "name": "Tỉnh đoàn", "sector": "youth_union", "headcount": 1200}
        first, again = [await officer.post("/registry/organisations", json=body) for _ in range(2)]
        assert (first.status_code, first.json()) == (201, again.json())
        other = await officer.post("/registry/organisations", json={**body, "headcount": 1})
        refused(other, 409, "same_id_other_content", "organisation_id")
    listed = await all_pages(running.client(), "/registry/organisations", limit=2)
    assert [o["organisation_id"] for o in listed if o["organisation_id"] in names] == names
    events = await running.log("registry", OrganisationRegistered)
    assert sum(e.key() in names for e in events) == 3
    within = running.client(Role.PROVINCE_OFFICER, units=[MO_DUC])
    refused(await within.post("/registry/organisations", json=body), 403, "outside_your_unit", "organisation_id")


# -- teams ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit_id", "level", "place"),
    [
        (MO_DUC, "district", (MO_DUC, None)),
        (TOWN, "commune", (MO_DUC, TOWN)),
        (TOWN, "village", (MO_DUC, TOWN)),
        (LY_SON, "district", (LY_SON, None)),
        (LY_SON, "commune", (LY_SON, None)),
        (LY_SON, "village", (LY_SON, None)),
    ],
)
async def test_teams_are_formed_at_every_level_and_on_ly_son(
    running: Stack, officer: httpx.AsyncClient, unit_id: str, level: str, place: tuple[str, str | None]
) -> None:
    body = a_team(unit_id, level)
    answer = await ok(officer.post("/registry/teams", json=body), 201)
    events = [e for e in await running.log("registry", TeamFormed) if e.key() == body["team_id"]]
    assert [(e.district_id, e.commune_id) for e in events if isinstance(e, TeamFormed)] == [place]
    async with running.services["registry"].pool.acquire() as conn:
        assert (
            await conn.fetchval("select 'registry:' || pos from log where key = $1", body["team_id"]) == answer["pos"]
        )
    shown = await ok(officer.get(f"/registry/teams/{body['team_id']}"))
    assert (shown["district_id"], shown["commune_id"], shown["members"]) == (*place, [])


async def test_a_team_is_refused_where_it_cannot_be(officer: httpx.AsyncClient) -> None:
    for changed, slug, field in (
        ({"unit_id": "99999"}, "unknown_unit", "unit_id"),
        ({"unit_id": MO_DUC}, "commune_needed", "unit_id"),
        ({"unit_id": "51"}, "level_does_not_fit_unit", "level"),
        ({"village": "Thôn 1"}, "village_missing", "village"),
        ({"formed_on": "2023-07-29"}, "in_the_future", "formed_on"),
        ({"level": "province"}, "invalid_data", "level"),
        ({"decision_number": ""}, "invalid_data", "decision_number"),
        ({"leader": "An"}, "invalid_data", "leader"),
    ):
        refused(await officer.post("/registry/teams", json=a_team(**changed)), 422, slug, field)


async def test_the_same_team_from_ten_clients_at_once_is_one_team_with_one_event(running: Stack) -> None:
    body = a_team()
    clients = [running.client(Role.DISTRICT_OFFICER, subject=f"o{n}", units=[MO_DUC]) for n in range(10)]
    answers = await asyncio.gather(*(c.post("/registry/teams", json=body) for c in clients))
    assert {(a.status_code, a.text) for a in answers} == {(201, answers[0].text)}
    assert [e.key() for e in await running.log("registry", TeamFormed)].count(body["team_id"]) == 1


async def test_ten_teams_under_one_id_at_once_are_one_and_nine_conflicts(running: Stack) -> None:
    bodies = [a_team(team_id="contested", name=f"Tổ {n}") for n in range(10)]
    clients = [running.client(Role.PROVINCE_OFFICER, units=["51"]) for _ in bodies]
    answers = await asyncio.gather(*(c.post("/registry/teams", json=b) for c, b in zip(clients, bodies, strict=True)))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 9}
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "same_id_other_content", "team_id")
    names = [e.name for e in await running.log("registry", TeamFormed) if isinstance(e, TeamFormed)]
    won = next(b["name"] for a, b in zip(answers, bodies, strict=True) if a.status_code == 201)
    assert names.count(won) == 1


async def test_a_refused_team_may_be_corrected_under_its_id(officer: httpx.AsyncClient) -> None:
    body = a_team()
    refused(await officer.post("/registry/teams", json={**body, "unit_id": "99999"}), 422, "unknown_unit", "unit_id")
    await ok(officer.post("/registry/teams", json=body), 201)


# -- members ----------------------------------------------------------------------------------------------------------


async def test_a_member_joins_and_leaves(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    person = a_member(role="deputy", phone="+84 90 123 4567")
    joined = await ok(officer.post(f"/registry/teams/{team_id}/members", json=person), 201)
    left = {"left_on": "2023-07-20", "reason": "moved"}
    answer = await ok(officer.post(f"/registry/members/{person['member_id']}/leave", json=left), 200)
    assert int(answer["pos"].split(":")[1]) > int(joined["pos"].split(":")[1])

    shown = await ok(officer.get(f"/registry/teams/{team_id}"))
    found = {m["member_id"]: (m["role"], m["joined_on"], m["left_on"]) for m in shown["members"]}
    assert found == {
        leader: ("leader", "2023-07-03", None),
        person["member_id"]: ("deputy", "2023-07-03", "2023-07-20"),
    }
    kinds = [type(e) for e in await running.log("registry") if e.key() == person["member_id"]]
    assert kinds == [MemberJoined, MemberLeft]
    again = await officer.post(f"/registry/members/{person['member_id']}/leave", json=left)
    refused(again, 409, "left_already", "member_id")


async def test_a_second_leader_is_refused_until_the_first_has_left(officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    second = a_member(role="leader", joined_on="2023-07-11")
    refused(await officer.post(f"/registry/teams/{team_id}/members", json=second), 409, "leader_exists", "role")
    left = {"left_on": "2023-07-10", "reason": "new_duty"}
    await ok(officer.post(f"/registry/members/{leader}/leave", json=left))
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=second), 201)


async def test_of_ten_leaders_at_once_one_is_taken(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id = (await ok(officer.post("/registry/teams", json=a_team()), 201))["team_id"]
    people = [a_member(role="leader") for _ in range(10)]
    answers = await asyncio.gather(*(officer.post(f"/registry/teams/{team_id}/members", json=p) for p in people))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 9}
    events = [e for e in await running.log("registry", MemberJoined) if isinstance(e, MemberJoined)]
    assert sum(e.team_id == team_id for e in events) == 1


async def test_sending_a_member_again_is_answered_the_same_another_body_is_a_conflict(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, _, _ = await team_of(officer)
    other_team, _, _ = await team_of(officer)
    person = a_member()
    first, again = [await officer.post(f"/registry/teams/{team_id}/members", json=person) for _ in range(2)]
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    for path, body in ((team_id, {**person, "full_name": "Trần Thị Khác"}), (other_team, person)):
        answer = await officer.post(f"/registry/teams/{path}/members", json=body)
        refused(answer, 409, "same_id_other_content", "member_id")
    assert [e.key() for e in await running.log("registry", MemberJoined)].count(person["member_id"]) == 1


async def test_leaving_with_a_key_may_be_sent_again(running: Stack, officer: httpx.AsyncClient) -> None:
    _, [leader], _ = await team_of(officer)
    left, key = {"left_on": "2023-07-20", "reason": "moved"}, {"Idempotency-Key": new_id()}
    path = f"/registry/members/{leader}/leave"
    first, again = [await officer.post(path, json=left, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (200, again.json())
    other = await officer.post(path, json={**left, "reason": "resigned"}, headers=key)
    refused(other, 409, "same_id_other_content", "Idempotency-Key")
    assert [e.key() for e in await running.log("registry", MemberLeft)].count(leader) == 1


async def test_a_member_is_refused_for_what_does_not_fit(officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    for changed, slug, field in (
        ({"organisation_id": "nobody"}, "unknown_organisation", "organisation_id"),
        ({"joined_on": "2023-07-02"}, "before_team", "joined_on"),
        ({"phone": "call me"}, "invalid_data", "phone"),
        ({"full_name": "   "}, "invalid_data", "full_name"),
        ({"role": "boss"}, "invalid_data", "role"),
    ):
        answer = await officer.post(f"/registry/teams/{team_id}/members", json=a_member(**changed))
        refused(answer, 422, slug, field)
    nowhere = await officer.post("/registry/teams/none/members", json=a_member())
    refused(nowhere, 404, "no_such_team", "team_id")
    left = {"left_on": "2023-07-02", "reason": "moved"}
    refused(await officer.post("/registry/members/none/leave", json=left), 404, "no_such_member", "member_id")
    refused(await officer.post(f"/registry/members/{leader}/leave", json=left), 422, "end_before_start", "left_on")
    refused(await officer.get("/registry/teams/none"), 404, "no_such_team", "team_id")


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_officers_act_within_their_units(running: Stack) -> None:
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    other = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    await ok(district.post("/registry/teams", json=a_team()), 201)
    await ok(commune.post("/registry/teams", json=a_team()), 201)
    for outside, body in ((other, a_team()), (commune, a_team(DUC_NHUAN)), (commune, a_team(MO_DUC, "district"))):
        refused(await outside.post("/registry/teams", json=body), 403, "outside_your_unit", "unit_id")

    team_id, [leader], _ = await team_of(district)
    refused(await other.get(f"/registry/teams/{team_id}"), 403, "outside_your_unit", "team_id")
    left = {"left_on": "2023-07-20", "reason": "moved"}
    refused(await other.post(f"/registry/members/{leader}/leave", json=left), 403, "outside_your_unit", "team_id")
    refused(
        await other.post(f"/registry/teams/{team_id}/members", json=a_member()), 403, "outside_your_unit", "team_id"
    )


async def test_a_leader_manages_the_own_team_and_no_other(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    other_team, [other], _ = await team_of(officer)
    client = running.client(Role.TEAM_LEADER, team_id=team_id, member_id=leader, units=[TOWN, "51"])
    person = a_member()
    await ok(client.post(f"/registry/teams/{team_id}/members", json=person), 201)
    await ok(client.get(f"/registry/teams/{team_id}"))
    left = {"left_on": "2023-07-20", "reason": "moved"}
    await ok(client.post(f"/registry/members/{person['member_id']}/leave", json=left))
    answer = await client.post(f"/registry/teams/{other_team}/members", json=a_member())
    refused(answer, 403, "outside_your_unit", "team_id")
    refused(await client.post(f"/registry/members/{other}/leave", json=left), 403, "outside_your_unit", "team_id")
    refused(await client.get(f"/registry/teams/{other_team}"), 403, "outside_your_unit", "team_id")
    refused(await client.post("/registry/teams", json=a_team()), 403, "role_not_allowed", "Authorization")


async def test_teams_are_listed_within_the_caller_s_units_page_by_page(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    here = {(await ok(officer.post("/registry/teams", json=a_team(DUC_NHUAN)), 201))["team_id"] for _ in range(5)}
    there = (await ok(officer.post("/registry/teams", json=a_team(LY_SON, "district")), 201))["team_id"]
    commune = running.client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN])
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    found = [t["team_id"] for t in await all_pages(commune, "/registry/teams", limit=2)]
    assert found == sorted(here)
    of_district = {t["team_id"] for t in await all_pages(district, "/registry/teams", limit=7)}
    of_province = {t["team_id"] for t in await all_pages(officer, "/registry/teams", limit=7)}
    assert here <= of_district
    assert there not in of_district
    assert here | {there} <= of_province
    assert await all_pages(running.client(Role.COMMUNE_OFFICER), "/registry/teams") == []


async def test_many_lists_at_once_are_all_answered(officer: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(officer.get("/registry/teams") for _ in range(60)))
    assert {a.status_code for a in answers} == {200}


# -- the log over HTTP ------------------------------------------------------------------------------------------------


async def test_the_feed_gives_the_log_in_order_to_partners(running: Stack, officer: httpx.AsyncClient) -> None:
    body = a_team()
    pos = int((await ok(officer.post("/registry/teams", json=body), 201))["pos"].split(":")[1])
    partner = running.client(Role.PARTNER, units=["51"])
    page = await ok(partner.get("/registry/events", params={"after": pos - 1, "limit": 1}))
    event = page["events"][0]
    assert (page["last"], event["pos"], event["subject"], event["source"]) == (
        pos,
        pos,
        body["team_id"],
        "/cds/51/registry",
    )
    assert (event["type"], event["data"]["name"]) == ("vn.cds.registry.team_formed.v1", "Tổ")
    assert event["recordedat"] == "2023-07-28T01:00:00Z"

    seen: list[int] = []
    while page["events"] or not seen:
        page = await ok(partner.get("/registry/events", params={"after": seen[-1] if seen else 0, "limit": 100}))
        seen += [e["pos"] for e in page["events"]]
    assert seen == list(range(1, len(await running.log("registry")) + 1))
    assert page["last"] == seen[-1]
    within = running.client(Role.PARTNER, units=[MO_DUC])
    refused(await within.get("/registry/events"), 403, "outside_your_unit", "after")
    refused(await officer.get("/registry/events"), 403, "role_not_allowed", "Authorization")
