"""Teams over time: renamed, moved, merged, disbanded, and shown as they were on any day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx

from services.registry.store import memberships
from shared.auth import Role
from shared.contracts.registry import MemberJoined, MemberLeft, TeamDisbanded, TeamReassigned, TeamRenamed
from shared.ids import new_id
from tests.support.stack import Stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok, refused, team_of

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
ANOTHER_DISTRICT = "534"


async def do(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"/registry/{path}", json=body)


async def shown(client: httpx.AsyncClient, team_id: str, on: str | None = None) -> dict[str, Any]:
    return await ok(client.get(f"/registry/teams/{team_id}", params={"on": on} if on else {}))


async def listed(client: httpx.AsyncClient, **asked: Any) -> dict[str, dict[str, Any]]:
    page = await ok(client.get("/registry/teams", params={"limit": 500, **asked}))
    assert page["total"] == len(page["items"])
    return {t["team_id"]: t for t in page["items"]}


def people_of(team: dict[str, Any]) -> dict[str, str]:
    return {m["member_id"]: m["role"] for m in team["members"]}


# -- names and places -------------------------------------------------------------------------------------------------


async def test_a_renamed_team_has_its_old_name_on_the_days_before(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer)
    key = {"Idempotency-Key": new_id()}
    path, body = f"/registry/teams/{team_id}/rename", {"name": "Tổ mới", "effective_on": "2023-07-20"}
    first, again = [await officer.post(path, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (200, again.json())
    names = [(await shown(officer, team_id, on))["name"] for on in ("2023-07-03", "2023-07-19", "2023-07-20", None)]
    assert names == ["Tổ", "Tổ", "Tổ mới", "Tổ mới"]
    assert [(await listed(officer, on=on))[team_id]["name"] for on in ("2023-07-19", "2023-07-20")] == ["Tổ", "Tổ mới"]
    events = [e for e in await running.log("registry", TeamRenamed) if e.key() == team_id]
    assert [(e.name, e.commune_id) for e in events if isinstance(e, TeamRenamed)] == [("Tổ mới", TOWN)]
    refused(await officer.post(path, json=body), 409, "same_name", "name")
    early = {"name": "Tổ khác", "effective_on": "2023-07-10"}
    refused(await officer.post(path, json=early), 409, "newer_on_record", "effective_on")


async def test_a_team_that_moves_takes_its_rights_with_it_and_leaves_its_past(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team_id, [leader], _ = await team_of(officer)
    old = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    new = running.client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN])
    move = {"unit_id": DUC_NHUAN, "effective_on": "2023-07-20"}
    refused(await do(old, f"teams/{team_id}/move", **move), 403, "outside_your_unit", "unit_id")
    refused(await do(new, f"teams/{team_id}/move", **move), 403, "outside_your_unit", "team_id")
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    assert (await do(district, f"teams/{team_id}/move", **move)).status_code == 200
    [event] = [e for e in await running.log("registry", TeamReassigned) if e.key() == team_id]
    assert isinstance(event, TeamReassigned)
    assert (event.from_unit_id, event.unit_id, event.commune_id, event.reason) == (
        TOWN,
        DUC_NHUAN,
        DUC_NHUAN,
        "transfer",
    )

    refused(await do(old, f"teams/{team_id}/members", **a_member()), 403, "outside_your_unit", "team_id")
    assert (await do(new, f"teams/{team_id}/members", **a_member(joined_on="2023-07-21"))).status_code == 201
    refused(await old.get(f"/registry/teams/{team_id}"), 403, "outside_your_unit", "team_id")
    refused(await old.get(f"/registry/teams/{team_id}?on=2023-07-20"), 403, "outside_your_unit", "team_id")
    then = await shown(old, team_id, "2023-07-19")
    assert (then["unit_id"], people_of(then)) == (TOWN, {leader: "leader"})
    assert [h["what"] for h in then["history"]] == ["formed", "joined"]
    now = await shown(new, team_id, "2023-07-19")
    assert [h["what"] for h in now["history"]] == ["formed", "joined", "moved", "joined"]
    assert (now["history"][2]["from_unit_id"], now["history"][2]["unit_id"]) == (TOWN, DUC_NHUAN)
    assert team_id in await listed(old, on="2023-07-19")
    assert team_id not in await listed(old)
    assert team_id in await listed(new)
    assert team_id in await listed(district, on="2023-07-19", within=TOWN)
    assert team_id not in await listed(district, within=TOWN)


async def test_a_move_is_refused_where_it_cannot_be(officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer)
    for changed, status, slug, field in (
        ({"unit_id": "99999"}, 422, "unknown_unit", "unit_id"),
        ({"unit_id": MO_DUC}, 422, "commune_needed", "unit_id"),
        ({"unit_id": MO_DUC, "level": "commune"}, 422, "commune_needed", "unit_id"),
        ({"level": "village"}, 422, "village_missing", "village"),
        ({"level": "village", "village_id": "nowhere"}, 422, "unknown_unit", "village_id"),
        ({"level": "village", "village_id": TOWN}, 422, "village_elsewhere", "village_id"),
        ({"effective_on": "2023-07-29"}, 422, "in_the_future", "effective_on"),
        ({"effective_on": "2019-07-29"}, 422, "before_unit", "effective_on"),
        ({"effective_on": "2023-07-02"}, 422, "before_team", "effective_on"),
        ({"unit_id": TOWN}, 409, "same_place", "unit_id"),
    ):
        body = {"unit_id": DUC_NHUAN, "effective_on": "2023-07-20", **changed}
        refused(await do(officer, f"teams/{team_id}/move", **body), status, slug, field)
    nowhere = {"unit_id": DUC_NHUAN, "effective_on": "2023-07-20"}
    refused(await do(officer, "teams/none/move", **nowhere), 404, "no_such_team", "team_id")
    assert (await shown(officer, team_id))["unit_id"] == TOWN


async def test_a_village_team_knows_its_village(officer: httpx.AsyncClient) -> None:
    village = {"village_id": new_id(), "parent_id": TOWN, "name": "Thôn Vạn An", "kind": "hamlet",
               "valid_from": "2023-07-01"}  # fmt: skip
    assert (await do(officer, "villages", **village)).status_code == 201
    body = {**a_team(TOWN, "village"), "village": None, "village_id": village["village_id"]}
    await ok(do(officer, "teams", **body), 201)
    team = await shown(officer, body["team_id"])
    assert (team["village"], team["village_id"], team["unit_id"]) == ("Thôn Vạn An", village["village_id"], TOWN)
    assert body["team_id"] in await listed(officer, within=village["village_id"], level="village")
    for changed, slug, field in (
        ({"unit_id": DUC_NHUAN}, "village_elsewhere", "village_id"),
        ({"village": "Thôn khác"}, "village_name_differs", "village"),
        ({"formed_on": "2023-06-30", "decision_date": "2023-06-30"}, "before_unit", "formed_on"),
    ):
        other = {**body, "team_id": new_id(), **changed}
        refused(await do(officer, "teams", **other), 422, slug, field)


# -- ends -------------------------------------------------------------------------------------------------------------


async def test_a_disbanded_team_lets_everyone_go_and_takes_nobody(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader, member], _ = await team_of(officer, members=2)
    end = {"last_day": "2023-07-20", "reason": "task_done"}
    assert (await do(officer, f"teams/{team_id}/disband", **end)).status_code == 200
    told = [e for e in await running.log("registry") if team_id in (e.key(), getattr(e, "team_id", ""))][-3:]
    assert [type(e) for e in told] == [MemberLeft, MemberLeft, TeamDisbanded]
    team = await shown(officer, team_id)
    assert (team["status"], team["disbanded_on"]) == ("disbanded", "2023-07-20")
    assert {m["left_on"] for m in team["members"]} == {"2023-07-20"}
    assert people_of(await shown(officer, team_id, "2023-07-20")) == {leader: "leader", member: "member"}
    assert people_of(await shown(officer, team_id, "2023-07-21")) == {}
    for path, body in (
        (f"teams/{team_id}/members", a_member(joined_on="2023-07-10")),
        (f"teams/{team_id}/rename", {"name": "Tổ khác", "effective_on": "2023-07-10"}),
        (f"teams/{team_id}/disband", end),
    ):
        answer = await do(officer, path, **body)
        assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[1]) == (409, "team_disbanded")
    there = {s: team_id in await listed(officer, status=s) for s in ("active", "disbanded", "all")}
    assert there == {"active": False, "disbanded": True, "all": True}
    then = {s: team_id in await listed(officer, status=s, on="2023-07-20") for s in ("active", "disbanded")}
    assert then == {"active": True, "disbanded": False}
    assert team_id not in await listed(officer, status="all", on="2023-07-02")


async def test_a_merged_team_s_members_follow_and_a_leader_is_chosen(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    one, [first, member], _ = await team_of(officer, members=2)
    into, [second], _ = await team_of(officer, DUC_NHUAN)
    merge = {"into_team_id": into, "effective_on": "2023-07-20"}
    refused(await do(officer, f"teams/{one}/merge", **merge), 422, "leader_needed", "leader_id")
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    refused(await do(commune, f"teams/{one}/merge", **merge), 403, "outside_your_unit", "into_team_id")
    refused(await do(officer, f"teams/{one}/merge", **{**merge, "into_team_id": "none"}), 422, "unknown_team",
            "into_team_id")  # fmt: skip
    chosen = {**merge, "leader_id": first, "other_leader_becomes": "deputy"}
    assert (await do(officer, f"teams/{one}/merge", **chosen)).status_code == 200
    assert people_of(await shown(officer, into, "2023-07-19")) == {second: "leader"}
    assert people_of(await shown(officer, into)) == {first: "leader", second: "deputy", member: "member"}
    ended = await shown(officer, one)
    assert (ended["status"], ended["disbanded_on"], ended["into_team_id"]) == ("disbanded", "2023-07-19", into)
    assert {(m["left_on"]) for m in ended["members"]} == {"2023-07-19"}
    places = (await ok(officer.get(f"/registry/members/{member}")))["memberships"]
    assert [(p["team_id"], p["joined_on"], p["left_on"], p["leave_reason"]) for p in places] == [
        (one, "2023-07-03", "2023-07-19", "moved"), (into, "2023-07-20", None, None),
    ]  # fmt: skip


async def test_nobody_is_left_behind_on_a_team_that_is_merged_at_that_moment(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    one, _, _ = await team_of(officer)
    into = (await ok(do(officer, "teams", **a_team()), 201))["team_id"]
    people = [a_member(joined_on="2023-07-10") for _ in range(10)]
    joins = [do(officer, f"teams/{one}/members", **p) for p in people]
    answers = await asyncio.gather(
        *joins[:5], do(officer, f"teams/{one}/merge", into_team_id=into, effective_on="2023-07-20"), *joins[5:]
    )
    assert answers[5].status_code == 200
    async with running.services["registry"].pool.acquire() as conn:
        places = await memberships.memberships(conn, [one, into])
    assert [p for p in places if p.team_id == one and p.left_on is None] == []
    taken = [p["member_id"] for p, a in zip(people, [*answers[:5], *answers[6:]], strict=True) if a.status_code == 201]
    assert set(taken) <= {p.member_id for p in places if p.team_id == into and p.left_on is None}


async def test_two_teams_that_are_merged_into_each_other_at_once_are_one(officer: httpx.AsyncClient) -> None:
    for _ in range(5):
        one, two = [(await ok(do(officer, "teams", **a_team()), 201))["team_id"] for _ in range(2)]
        answers = await asyncio.gather(
            do(officer, f"teams/{one}/merge", into_team_id=two, effective_on="2023-07-20"),
            do(officer, f"teams/{two}/merge", into_team_id=one, effective_on="2023-07-20"),
        )
        assert sorted(a.status_code for a in answers) == [200, 409]


# -- reading ----------------------------------------------------------------------------------------------------------


async def test_lists_are_of_a_day_a_unit_a_level(running: Stack, officer: httpx.AsyncClient) -> None:
    unit = "21406"
    commune = (await ok(do(officer, "teams", **a_team(unit)), 201))["team_id"]
    village = (await ok(do(officer, "teams", **a_team(unit, "village", formed_on="2023-07-15")), 201))["team_id"]
    district = (await ok(do(officer, "teams", **a_team(MO_DUC, "district")), 201))["team_id"]
    assert set(await listed(officer, within=unit)) == {commune, village}
    assert set(await listed(officer, within=unit, on="2023-07-14")) == {commune}
    assert set(await listed(officer, within=unit, level="village")) == {village}
    below = set(await listed(officer, within=MO_DUC))
    assert {commune, village, district} <= below
    assert below <= set(await listed(officer, within="51")) == set(await listed(officer))
    assert not below & set(await listed(officer, within=ANOTHER_DISTRICT))
    assert await listed(running.client(Role.DISTRICT_OFFICER, units=[LY_SON]), within=MO_DUC) == {}
    assert await listed(officer, within="nowhere") == {}
    page = await ok(officer.get("/registry/teams", params={"within": unit, "limit": 1}))
    assert (page["total"], page["next"]) == (2, min(commune, village))
    for bad, field in (({"on": "20/7/2023"}, "on"), ({"status": "gone"}, "status"), ({"level": "province"}, "level")):
        refused(await officer.get("/registry/teams", params=bad), 422, "invalid_data", field)


async def test_before_its_founding_a_team_is_told_to_be_not_formed(officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer)
    team = await shown(officer, team_id, "2023-07-02")
    assert (team["status"], team["members"]) == ("not_formed", [])
    joined = [e async for e in _events(officer, team_id)]
    assert joined == [("formed", "Tổ"), ("joined", "leader")]


async def _events(officer: httpx.AsyncClient, team_id: str) -> AsyncIterator[tuple[str, str]]:
    for entry in (await shown(officer, team_id))["history"]:
        yield entry["what"], entry["name"] or entry["role"]


async def test_a_joining_is_told_where_the_team_was_that_day(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, _, _ = await team_of(officer)
    await ok(do(officer, f"teams/{team_id}/move", unit_id=DUC_NHUAN, effective_on="2023-07-20"))
    for day, unit_id in (("2023-07-19", TOWN), ("2023-07-20", DUC_NHUAN)):
        person = a_member(joined_on=day)
        await ok(do(officer, f"teams/{team_id}/members", **person), 201)
        [event] = [e for e in await running.log("registry", MemberJoined) if e.key() == person["member_id"]]
        assert isinstance(event, MemberJoined)
        assert (event.unit_id, event.commune_id) == (unit_id, unit_id)
