"""Organisations as a whole: HTTP, Postgres, the stream. The tree of any day, its denominators, its history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import (
    HeadcountDeclared,
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
)
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import MO_DUC, ok, refused

NOW = datetime(2025, 6, 30, 3, tzinfo=UTC)
PATH = "/registry/organisations"


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the organisations of the plan of 2023."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        operator = started.client(Role.OPERATOR, units=["51"])
        assert (await ok(operator.post("/registry/plans/2023/organisations"), 201))["registered"] == 55
        yield started


async def registered(officer: httpx.AsyncClient, **fields: Any) -> str:
    """The id of a new organisation."""
    body = {"organisation_id": new_id(), "name": "Sở", "sector": "department", **fields}
    return str((await ok(officer.post(PATH, json=body), 201))["organisation_id"])


async def listed(running: Stack, **asked: str) -> list[str]:
    page = await ok(running.client().get(PATH, params={"limit": "500", **asked}))
    assert page["total"] == len(page["items"])
    return [item["organisation_id"] for item in page["items"]]


def state(name: str, parent: str | None, since: str | None = None, last: str | None = None) -> dict[str, str | None]:
    return {"name": name, "sector": "department", "parent_id": parent, "valid_from": since, "last_day": last}


async def test_the_plan_is_loaded_once_however_often_it_is_asked_for(running: Stack) -> None:
    operator = running.client(Role.OPERATOR, units=["51"])
    answers = await asyncio.gather(*(ok(operator.post("/registry/plans/2023/organisations"), 201) for _ in range(3)))
    assert [a["registered"] for a in answers] == [0, 0, 0]
    events = [e for e in await running.log("registry", OrganisationRegistered) if e.key().startswith("nhom-")]
    assert len(events) == 9
    refused(await operator.post("/registry/plans/1997/organisations"), 404, "no_such_plan", "plan")
    elsewhere = running.client(Role.PROVINCE_OFFICER, units=[MO_DUC])
    refused(await elsewhere.post("/registry/plans/2023/organisations"), 403, "outside_your_unit", "plan")


async def test_the_tree_is_listed_below_an_organisation_page_by_page(running: Stack) -> None:
    assert await listed(running, within="nhom-8-dh-cd") == [
        "cd-viet-han", "dh-pham-van-dong", "dh-tai-chinh-ke-toan", "nhom-8-dh-cd",
    ]  # fmt: skip
    assert await listed(running, within="nobody") == []
    page = await ok(running.client().get(PATH, params={"within": "nhom-8-dh-cd", "limit": 3}))
    assert (page["total"], page["next"]) == (4, "dh-tai-chinh-ke-toan")
    rest = await ok(running.client().get(PATH, params={"within": "nhom-8-dh-cd", "limit": 3, "after": page["next"]}))
    assert ([item["organisation_id"] for item in rest["items"]], rest["next"]) == (["nhom-8-dh-cd"], None)


async def test_a_department_is_renamed_moved_and_merged_and_each_day_has_its_own_tree(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    root = await registered(officer, name="Gốc")
    tttt = await registered(officer, name="Sở TT&TT", parent_id=root, headcount=60)
    khcn = await registered(officer, name="Sở KH&CN", parent_id=root)
    centre = await registered(officer, name="Trung tâm", parent_id=tttt, valid_from="2024-01-01", headcount=20)
    renamed = {"name": "Trung tâm CNTT", "sector": "department", "parent_id": tttt, "effective_on": "2024-06-01"}
    await ok(officer.post(f"{PATH}/{centre}/changes", json=renamed))
    merged = await ok(officer.post(f"{PATH}/{tttt}/dissolve", json={"last_day": "2025-02-28", "successor_id": khcn}))
    assert merged["moved"] == 1

    assert set(await listed(running, within=root, on="2023-07-28")) == {root, tttt, khcn}
    assert set(await listed(running, within=tttt, on="2024-01-01")) == {tttt, centre}
    assert set(await listed(running, within=root, on="2025-02-28")) == {root, tttt, khcn, centre}
    assert set(await listed(running, within=root)) == {root, khcn, centre}
    assert set(await listed(running, within=khcn, on="2025-03-01")) == {khcn, centre}

    then = await ok(officer.get(f"{PATH}/{tttt}", params={"on": "2025-02-28"}))
    now = await ok(officer.get(f"{PATH}/{tttt}"))
    assert (then["current"]["name"], then["within"]["headcount"]) == ("Sở TT&TT", 80)
    assert (now["current"], now["within"]["organisations"], now["successor_id"]) == (None, 0, khcn)
    assert now["states"] == [state("Sở TT&TT", root, last="2025-02-28")]
    below = await ok(officer.get(f"{PATH}/{centre}"))
    assert below["states"] == [
        state("Trung tâm", tttt, "2024-01-01", "2024-05-31"),
        state("Trung tâm CNTT", tttt, "2024-06-01", "2025-02-28"),
        state("Trung tâm CNTT", khcn, "2025-03-01"),
    ]
    assert (await ok(officer.get(f"{PATH}/{khcn}")))["predecessor_ids"] == [tttt]
    kinds = (OrganisationRegistered, OrganisationChanged, OrganisationDissolved)
    events = [e for kind in kinds for e in await running.log("registry", kind) if e.key() in {tttt, centre}]
    assert [(e.NAME, e.key()) for e in events] == [
        ("organisation_registered", tttt), ("organisation_registered", centre), ("organisation_changed", centre),
        ("organisation_changed", centre), ("organisation_dissolved", tttt),
    ]  # fmt: skip


async def test_headcounts_are_denominators_of_their_days(running: Stack, officer: httpx.AsyncClient) -> None:
    group = await registered(officer, name="Nhóm", sector="group")
    school = await registered(officer, name="Trường", parent_id=group)
    await registered(officer, name="Chưa khai", parent_id=group)
    for declared, since in ((900, "2023-09-01"), (950, "2024-09-01"), (940, "2024-09-01")):
        body = {"headcount": declared, "valid_from": since}
        await ok(officer.post(f"{PATH}/{school}/headcounts", json=body), 201)

    on: list[tuple[str, int | None, int]] = [("2023-08-31", None, 3), ("2023-09-01", 900, 2), ("2024-09-01", 940, 2)]
    for day, count, undeclared in on:
        found = await ok(officer.get(f"{PATH}/{school}", params={"on": day}))
        assert (found["current"]["headcount"], found["on"]) == (count, day)
        whole = (await ok(officer.get(f"{PATH}/{group}", params={"on": day})))["within"]
        assert whole == {"organisations": 3, "headcount": count or 0, "undeclared": undeclared}
    history = (await ok(officer.get(f"{PATH}/{school}")))["headcounts"]
    assert [(h["headcount"], h["valid_from"]) for h in history] == [(900, "2023-09-01"), (940, "2024-09-01")]
    events = [e for e in await running.log("registry", HeadcountDeclared) if e.key() == school]
    assert [e.headcount for e in events if isinstance(e, HeadcountDeclared)] == [900, 950, 940]


@pytest.mark.parametrize(
    ("command", "body", "changed"),
    [
        ("changes", {"name": "A", "sector": "press", "parent_id": None, "effective_on": "2024-01-01"}, {"name": "B"}),
        ("headcounts", {"headcount": 5, "valid_from": "2024-01-01"}, {"headcount": 6}),
        ("dissolve", {"last_day": "2024-01-01"}, {"last_day": "2024-01-02"}),
    ],
)
async def test_a_command_sent_twice_happens_once(
    running: Stack, officer: httpx.AsyncClient, command: str, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    one, key = await registered(officer), {"idempotency-key": new_id()}
    path = f"{PATH}/{one}/{command}"
    first, again = [await officer.post(path, json=body, headers=key) for _ in range(2)]
    assert first.status_code == again.status_code < 300
    assert first.json() == again.json()
    other = await officer.post(path, json={**body, **changed}, headers=key)
    refused(other, 409, "same_id_other_content", "Idempotency-Key")
    within = running.client(Role.PROVINCE_OFFICER, units=[MO_DUC])
    refused(await within.post(path, json=body), 403, "outside_your_unit", "organisation_id")
    refused(await officer.post(f"{PATH}/nobody/{command}", json=body), 404, "no_such_organisation", "organisation_id")


async def test_a_refusal_names_the_field_and_changes_nothing(running: Stack, officer: httpx.AsyncClient) -> None:
    above = await registered(officer, name="Trên")
    below = await registered(officer, name="Dưới", parent_id=above)
    circle = {"name": "Trên", "sector": "department", "parent_id": below, "effective_on": "2024-01-01"}
    refused(await officer.post(f"{PATH}/{above}/changes", json=circle), 422, "parent_below", "parent_id")
    alone = await officer.post(f"{PATH}/{above}/dissolve", json={"last_day": "2024-01-01"})
    refused(alone, 409, "others_below", "successor_id")
    unknown = {"organisation_id": new_id(), "name": "X", "sector": "press", "parent_id": "nobody"}
    refused(await officer.post(PATH, json=unknown), 422, "unknown_organisation", "parent_id")
    refused(await running.client().get(f"{PATH}/nobody"), 404, "no_such_organisation", "organisation_id")
    assert (await ok(officer.get(f"{PATH}/{above}")))["states"] == [state("Trên", None)]


async def test_two_moves_at_once_make_no_circle(officer: httpx.AsyncClient) -> None:
    for _ in range(5):
        one, two = [await registered(officer) for _ in range(2)]
        bodies = [{"name": "X", "sector": "department", "parent_id": p, "effective_on": "2024-01-01"}
                  for p in (two, one)]  # fmt: skip
        answers = await asyncio.gather(
            *(officer.post(f"{PATH}/{who}/changes", json=b) for who, b in zip((one, two), bodies, strict=True))
        )
        assert sorted(a.status_code for a in answers) == [200, 422]
