"""People on teams over time: on two at once, moving, coming back, with roles from a day on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import MemberJoined, MemberLeft, MemberRoleChanged
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_member, a_team, ok, refused, team_of

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and two organisations, of which one ends."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        await ok(started.client(Role.OPERATOR, units=["51"]).post("/registry/editions/2023"), 201)
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        for name in ("doan", "hoi"):
            body = {"organisation_id": name, "name": name, "sector": "youth_union", "valid_from": "2020-01-01"}
            await ok(officer.post("/registry/organisations", json=body), 201)
        end = {"last_day": "2023-07-10"}
        await ok(officer.post("/registry/organisations/hoi/dissolve", json=end))
        yield started


async def do(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"/registry/{path}", json=body)


async def a_new_team(officer: httpx.AsyncClient) -> str:
    return str((await ok(do(officer, "teams", **a_team()), 201))["team_id"])


async def places(client: httpx.AsyncClient, member_id: str) -> list[tuple[str, str, str | None]]:
    found = (await ok(client.get(f"/registry/members/{member_id}")))["memberships"]
    return [(p["team_id"], p["joined_on"], p["left_on"]) for p in found]


async def roles(client: httpx.AsyncClient, team_id: str, on: str) -> dict[str, str]:
    team = await ok(client.get(f"/registry/teams/{team_id}", params={"on": on}))
    return {m["member_id"]: m["role"] for m in team["members"]}


# -- moving -----------------------------------------------------------------------------------------------------------


async def test_a_member_moves_in_mid_campaign_under_the_same_id(running: Stack, officer: httpx.AsyncClient) -> None:
    old, [leader, member], _ = await team_of(officer, members=2)
    new, _, _ = await team_of(officer, DUC_NHUAN)
    key = {"Idempotency-Key": new_id()}
    body = {"to_team_id": new, "moved_on": "2023-07-20", "role": "deputy"}
    path = f"/registry/members/{member}/move"
    first, again = [await officer.post(path, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (200, again.json())
    assert await places(officer, member) == [(old, "2023-07-03", "2023-07-19"), (new, "2023-07-20", None)]
    assert await roles(officer, old, "2023-07-19") == {leader: "leader", member: "member"}
    assert await roles(officer, old, "2023-07-20") == {leader: "leader"}
    assert (await roles(officer, new, "2023-07-20"))[member] == "deputy"
    left, joined = [e for e in await running.log("registry") if e.key() == member][1:]
    assert isinstance(left, MemberLeft)
    assert isinstance(joined, MemberJoined)
    assert (left.team_id, left.reason, joined.team_id, joined.unit_id) == (old, "moved", new, DUC_NHUAN)


async def test_a_move_that_cannot_be_changes_nothing(running: Stack, officer: httpx.AsyncClient) -> None:
    old, [_, member], _ = await team_of(officer, members=2)
    new, _, _ = await team_of(officer, DUC_NHUAN)
    for changed, status, slug, field in (
        ({"role": "leader"}, 409, "leader_exists", "role"),
        ({"to_team_id": old}, 422, "same_team", "to_team_id"),
        ({"to_team_id": "none"}, 422, "unknown_team", "to_team_id"),
        ({"from_team_id": new}, 422, "not_on_team", "from_team_id"),
        ({"moved_on": "2023-07-03"}, 422, "end_before_start", "moved_on"),
        ({"moved_on": "2023-07-29"}, 422, "in_the_future", "moved_on"),
    ):
        body = {"to_team_id": new, "moved_on": "2023-07-20", **changed}
        refused(await do(officer, f"members/{member}/move", **body), status, slug, field)
    wanted = {"to_team_id": new, "moved_on": "2023-07-20"}
    refused(await do(officer, "members/none/move", **wanted), 404, "no_such_member", "member_id")
    for units, field in (([TOWN], "to_team_id"), ([DUC_NHUAN], "from_team_id")):
        commune = running.client(Role.COMMUNE_OFFICER, units=units)
        refused(await do(commune, f"members/{member}/move", **wanted), 403, "outside_your_unit", field)
    assert await places(officer, member) == [(old, "2023-07-03", None)]


async def test_of_ten_moves_of_one_person_at_once_one_happens(officer: httpx.AsyncClient) -> None:
    old, [_, member], _ = await team_of(officer, members=2)
    targets = [await a_new_team(officer) for _ in range(10)]
    moves = [
        do(officer, f"members/{member}/move", to_team_id=t, moved_on="2023-07-20", from_team_id=old) for t in targets
    ]
    answers = await asyncio.gather(*moves)
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 9}
    assert len(await places(officer, member)) == 2


# -- two teams, coming back -------------------------------------------------------------------------------------------


async def test_a_person_is_on_two_teams_and_leaves_one(running: Stack, officer: httpx.AsyncClient) -> None:
    one, [_, member], _ = await team_of(officer, members=2)
    two, _, _ = await team_of(officer, LY_SON, "district")
    again = {"member_id": member, "role": "deputy", "joined_on": "2023-07-10", "organisation_id": "doan"}
    await ok(do(officer, f"teams/{two}/members", **again), 201)
    refused(await do(officer, f"teams/{two}/members", **again), 409, "on_team_already", "member_id")
    assert await places(officer, member) == [(one, "2023-07-03", None), (two, "2023-07-10", None)]
    left = {"left_on": "2023-07-20", "reason": "new_duty"}
    refused(await do(officer, f"members/{member}/leave", **left), 422, "team_needed", "team_id")
    refused(await do(officer, f"members/{member}/leave", team_id="none", **left), 422, "not_on_team", "team_id")
    await ok(do(officer, f"members/{member}/leave", team_id=one, **left), 200)
    assert await places(officer, member) == [(one, "2023-07-03", "2023-07-20"), (two, "2023-07-10", None)]


async def test_people_s_places_are_shown_to_those_who_had_the_team(running: Stack, officer: httpx.AsyncClient) -> None:
    one, [_, member], _ = await team_of(officer, members=2)
    two, _, _ = await team_of(officer, LY_SON, "district")
    await ok(do(officer, f"teams/{two}/members", member_id=member, joined_on="2023-07-10"), 201)
    here, there = (one, "2023-07-03", None), (two, "2023-07-10", None)
    mo_duc = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    leader = running.client(Role.TEAM_LEADER, team_id=two, member_id="another", units=["51"])
    oneself = running.client(Role.MEMBER, member_id=member)
    for client, seen in ((mo_duc, [here]), (leader, [there]), (oneself, [here, there]), (officer, [here, there])):
        assert await places(client, member) == seen
    for stranger in (
        running.client(Role.MEMBER, member_id="another", units=["51"]),
        running.client(Role.DISTRICT_OFFICER, units=["534"]),
    ):
        refused(await stranger.get(f"/registry/members/{member}"), 403, "outside_your_unit", "member_id")
    refused(await officer.get("/registry/members/none"), 404, "no_such_member", "member_id")


async def test_somebody_comes_back_to_the_same_team(officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    await ok(do(officer, f"members/{leader}/leave", left_on="2023-07-10", reason="other"))
    back = {"member_id": leader, "joined_on": "2023-07-15", "role": "leader"}
    overlapping = {**back, "joined_on": "2023-07-10"}
    refused(await do(officer, f"teams/{team_id}/members", **overlapping), 409, "on_team_already", "member_id")
    key = {"Idempotency-Key": new_id()}
    path = f"/registry/teams/{team_id}/members"
    first, again = [await officer.post(path, json=back, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    assert await places(officer, leader) == [(team_id, "2023-07-03", "2023-07-10"), (team_id, "2023-07-15", None)]
    there, away = {leader: "leader"}, dict[str, str]()
    assert [await roles(officer, team_id, f"2023-07-{d}") for d in ("10", "12", "15")] == [there, away, there]


async def test_who_is_known_is_named_once_and_who_is_not_must_be(running: Stack, officer: httpx.AsyncClient) -> None:
    _, [_, member], _ = await team_of(officer, members=2)
    two, [leader], _ = await team_of(officer)
    join = {"member_id": member, "joined_on": "2023-07-10"}
    own = running.client(Role.TEAM_LEADER, team_id=two, member_id=leader)
    for client, body in (
        (officer, {"member_id": new_id(), "joined_on": "2023-07-10"}),
        (officer, {**join, "phone": "090 123 4567"}),
        (own, join),
    ):
        refused(await do(client, f"teams/{two}/members", **body), 422, "name_needed", "full_name")
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    await ok(do(commune, f"teams/{two}/members", **join), 201)
    assert len(await places(officer, member)) == 2
    await ok(do(officer, f"members/{member}/erase"))
    third = await a_new_team(officer)
    refused(await do(officer, f"teams/{third}/members", **join), 409, "person_erased", "member_id")
    assert len(await places(officer, member)) == 2


async def test_a_member_s_organisation_is_there_on_the_day(officer: httpx.AsyncClient) -> None:
    one, two, three = [await a_new_team(officer) for _ in range(3)]
    gone = a_member(organisation_id="hoi", joined_on="2023-07-11")
    refused(await do(officer, f"teams/{one}/members", **gone), 422, "organisation_not_there", "organisation_id")
    await ok(do(officer, f"teams/{one}/members", **{**gone, "joined_on": "2023-07-10"}), 201)
    again = {"member_id": gone["member_id"], "joined_on": "2023-07-12"}
    refused(await do(officer, f"teams/{two}/members", **again), 422, "organisation_not_there", "organisation_id")
    await ok(do(officer, f"teams/{two}/members", **again, organisation_id="doan"), 201)
    await ok(do(officer, f"teams/{three}/members", **again), 201)
    kept = (await ok(officer.get(f"/registry/members/{gone['member_id']}")))["memberships"]
    assert {p["team_id"]: p["organisation_id"] for p in kept} == {one: "hoi", two: "doan", three: "doan"}


# -- roles ------------------------------------------------------------------------------------------------------------


async def test_the_lead_is_handed_over_on_a_day(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [first, second], _ = await team_of(officer, members=2)
    lead = {"role": "leader", "effective_on": "2023-07-20"}
    refused(await do(officer, f"members/{second}/role", **lead), 409, "leader_exists", "role")
    await ok(do(officer, f"members/{first}/role", role="deputy", effective_on="2023-07-20"))
    await ok(do(officer, f"members/{second}/role", **lead))
    assert await roles(officer, team_id, "2023-07-19") == {first: "leader", second: "member"}
    assert await roles(officer, team_id, "2023-07-20") == {first: "deputy", second: "leader"}
    told = [e for e in await running.log("registry", MemberRoleChanged) if e.key() in (first, second)]
    assert [(e.key(), getattr(e, "role", "")) for e in told] == [(first, "deputy"), (second, "leader")]
    refused(await do(officer, f"members/{second}/role", **lead), 409, "same_role", "role")


async def test_a_role_is_refused_that_cannot_be(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader, member], _ = await team_of(officer, members=2)
    await ok(do(officer, f"members/{member}/role", role="deputy", effective_on="2023-07-20"))
    for changed, status, slug, field in (
        ({"effective_on": "2023-07-19"}, 422, "before_role_change", "effective_on"),
        ({"effective_on": "2023-07-02"}, 422, "before_joining", "effective_on"),
        ({"effective_on": "2023-07-29"}, 422, "in_the_future", "effective_on"),
        ({"team_id": "none"}, 422, "not_on_team", "team_id"),
        ({"role": "boss"}, 422, "invalid_data", "role"),
    ):
        body = {"role": "member", "effective_on": "2023-07-21", **changed}
        refused(await do(officer, f"members/{member}/role", **body), status, slug, field)
    left = {"left_on": "2023-07-19", "reason": "other"}
    refused(await do(officer, f"members/{member}/leave", **left), 422, "before_role_change", "left_on")
    change = {"role": "member", "effective_on": "2023-07-21"}
    other = running.client(Role.DISTRICT_OFFICER, units=[LY_SON])
    refused(await do(other, f"members/{member}/role", **change), 403, "outside_your_unit", "team_id")
    own = running.client(Role.TEAM_LEADER, team_id=team_id, member_id=leader)
    await ok(do(own, f"members/{member}/role", **change))


async def test_of_ten_who_would_lead_at_once_one_does(officer: httpx.AsyncClient) -> None:
    team_id = await a_new_team(officer)
    people = [a_member() for _ in range(10)]
    for person in people:
        await ok(do(officer, f"teams/{team_id}/members", **person), 201)
    lead = {"role": "leader", "effective_on": "2023-07-20"}
    answers = await asyncio.gather(*(do(officer, f"members/{p['member_id']}/role", **lead) for p in people))
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 9}
    assert Counter((await roles(officer, team_id, "2023-07-20")).values()) == {"leader": 1, "member": 9}


async def test_what_was_said_of_a_role_stays_on_record(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [_, member], _ = await team_of(officer, members=2)
    for role in ("deputy", "member"):
        await ok(do(officer, f"members/{member}/role", role=role, effective_on="2023-07-20"))
    assert (await roles(officer, team_id, "2023-07-20"))[member] == "member"
    async with running.services["registry"].pool.acquire() as conn:
        said = await conn.fetch(
            "select role, known_to is null as known from membership_role where member_id = $1 order by role_id", member
        )
    assert [tuple(r.values()) for r in said] == [("member", True), ("deputy", False), ("member", True)]
