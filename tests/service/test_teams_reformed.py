"""Teams and rights through both reforms of 2025, and teams that are recorded only after them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest

from services.registry import editions
from services.registry.store import teams
from shared.auth import Role
from shared.contracts.reform import Level
from shared.contracts.registry import TeamFormed, TeamReassigned
from shared.ids import new_id
from tests.service.reforms import CA_DAM, CHOICES, JANUARY, JULY, OWN, TAY_TRA_BONG, TRA_BUI, V1, World, of_2023, world
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import MO_DUC, TOWN, a_member, a_team, ok, refused

XA_MO_DUC = "21400-2507"
TOWNSHIP_SINCE_JANUARY = "21220"
SOME = [u for n, u in enumerate(of_2023()) if len(u) != 5 or n % 5 == 0 or u in (TOWN, TRA_BUI, TOWNSHIP_SINCE_JANUARY)]
"""Every district, every fifth commune, and those that have a story."""
NGHIA_PHU, AN_PHU = "21253", "21262-2501"


@pytest.fixture(scope="module")
async def reformed(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """Teams of 2023 at these units and at Trà Bùi's villages, through both reforms; in August 2025."""
    async with world(postgres, guarded_nats, *SOME) as here:
        await here.execute(edition="2025-01")
        await here.execute(edition="2025-07", choices=CHOICES)
        yield here


def late(unit_id: str, **changed: Any) -> dict[str, Any]:
    """A founding of 2023 at a unit of that time, on paper until now."""
    if unit_id.startswith("v-"):
        body = a_team(TRA_BUI, "village", village=None, village_id=unit_id)
    else:
        body = a_team(unit_id, "district" if len(unit_id) == 3 else "commune")
    return {**body, "team_id": new_id(), **changed}


async def places(here: World, team_id: str) -> list[tuple[Any, ...]]:
    """Where a team is over time, but for its id and the reforms' ids."""
    async with here.running.services["registry"].pool.acquire() as conn:
        return [p[1:10] for p in await teams.places(conn, team_id)]


async def test_a_team_recorded_late_goes_where_the_others_of_its_unit_went(reformed: World) -> None:
    for unit_id in SOME:
        body = late(unit_id, **({"successor_id": CA_DAM} if unit_id == TRA_BUI else {}))
        await ok(reformed.officer.post("/registry/teams", json=body), 201)
        assert await places(reformed, body["team_id"]) == await places(reformed, f"t-{unit_id}"), unit_id
    assert len(SOME) > 50


async def test_a_late_founding_is_told_with_every_place_since(reformed: World) -> None:
    body = late(TOWN)
    await ok(reformed.officer.post("/registry/teams", json=body), 201)
    formed, moved = [e for e in await reformed.running.log("registry") if e.key() == body["team_id"]]
    assert isinstance(formed, TeamFormed)
    assert isinstance(moved, TeamReassigned)
    assert (formed.unit_id, formed.district_id) == (TOWN, MO_DUC)
    assert (moved.from_unit_id, moved.unit_id, moved.district_id) == (TOWN, XA_MO_DUC, None)
    assert (moved.since, moved.effective_on, moved.reason) == (date(2023, 7, 3), JULY, "reform")
    person = a_member(joined_on="2023-07-10")
    await ok(reformed.officer.post(f"/registry/teams/{body['team_id']}/members", json=person), 201)
    [joined] = [e for e in await reformed.running.log("registry") if e.key() == person["member_id"]]
    assert getattr(joined, "unit_id", "") == TOWN


async def test_where_the_unit_was_split_somebody_says_where_the_team_is(reformed: World) -> None:
    said = refused(
        await reformed.officer.post("/registry/teams", json=late(TRA_BUI)), 422, "successor_needed", "successor_id"
    )
    assert CA_DAM in said["messages"]["vi"]
    assert TAY_TRA_BONG in said["messages"]["en"]
    wrong = late(TRA_BUI, successor_id=XA_MO_DUC)
    refused(await reformed.officer.post("/registry/teams", json=wrong), 422, "successor_needed", "successor_id")
    by_village = late(V1)
    await ok(reformed.officer.post("/registry/teams", json=by_village), 201)
    shown = await ok(reformed.officer.get(f"/registry/teams/{by_village['team_id']}"))
    assert (shown["unit_id"], shown["village_id"]) == (CA_DAM, V1)


async def test_a_unit_that_is_gone_takes_no_new_team(reformed: World) -> None:
    gone = a_team(TOWN, formed_on="2025-07-01", decision_date="2025-07-01")
    refused(await reformed.officer.post("/registry/teams", json=gone), 422, "unit_ended", "unit_id")
    before = a_team(XA_MO_DUC, formed_on="2025-06-30", decision_date="2025-06-30")
    refused(await reformed.officer.post("/registry/teams", json=before), 422, "before_unit", "formed_on")
    moved = await reformed.officer.post(
        f"/registry/teams/t-{TOWN}/move", json={"unit_id": "21403", "effective_on": "2025-07-10"}
    )
    refused(moved, 422, "unit_ended", "unit_id")


async def test_a_township_that_kept_its_id_is_one_place_until_july(reformed: World) -> None:
    found = await places(reformed, f"t-{TOWNSHIP_SINCE_JANUARY}")
    assert [(p[0], p[2]) for p in found][:1] == [(date(2023, 7, 3), TOWNSHIP_SINCE_JANUARY)]
    assert len(found) == 2


async def test_a_move_before_a_reform_recorded_after_it_goes_on_to_the_successor_and_stays_there(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    async with world(postgres, await fresh_nats(nats_config()), TOWN) as here:
        await here.execute(edition="2025-01")
        move = {"unit_id": NGHIA_PHU, "effective_on": "2024-12-01"}
        await ok(here.officer.post("/registry/teams/t-21400/move", json=move))
        assert [(p[0], p[1], p[2], p[8]) for p in await places(here, "t-21400")] == [
            (date(2023, 7, 3), date(2024, 12, 1), TOWN, "founding"),
            (date(2024, 12, 1), JANUARY, NGHIA_PHU, "transfer"),
            (JANUARY, None, AN_PHU, "reform"),
        ]
        told = [e for e in await here.running.log("registry", TeamReassigned) if e.key() == "t-21400"]
        assert [getattr(e, "unit_id", "") for e in told] == [NGHIA_PHU, AN_PHU]
        await here.reverse("2025-01")
        assert [(p[0], p[1], p[2], p[8]) for p in await places(here, "t-21400")] == [
            (date(2023, 7, 3), date(2024, 12, 1), TOWN, "founding"),
            (date(2024, 12, 1), JANUARY, NGHIA_PHU, "transfer"),
            (JANUARY, None, NGHIA_PHU, "reversal"),
        ]


async def test_rights_follow_the_place_in_force_and_the_past_stays_readable(reformed: World) -> None:
    team_id = f"t-{TOWN}"
    old = reformed.running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    commune = reformed.running.client(Role.COMMUNE_OFFICER, units=[XA_MO_DUC])
    person = a_member(joined_on="2025-08-01")

    async def adds(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(f"/registry/teams/{team_id}/members", json=person)

    refused(await adds(old), 403, "outside_your_unit", "team_id")
    await ok(adds(commune), 201)
    refused(await old.get(f"/registry/teams/{team_id}"), 403, "outside_your_unit", "team_id")
    then = await ok(old.get(f"/registry/teams/{team_id}", params={"on": "2025-06-30"}))
    assert (then["unit_id"], then["district_id"]) == (TOWN, MO_DUC)
    assert {h["what"] for h in then["history"]} == {"formed", "joined"}
    now = await ok(commune.get(f"/registry/teams/{team_id}"))
    assert (now["unit_id"], now["district_id"]) == (XA_MO_DUC, None)
    assert [h["reform_id"] for h in now["history"] if h["what"] == "moved"] == ["2025-07"]
    refused(await old.post("/registry/teams", json=late(TOWN)), 403, "outside_your_unit", "unit_id")
    await ok(commune.post("/registry/teams", json=late(TOWN)), 201)
    member = f"m-{TOWN}"
    for client in (old, commune):
        [place] = (await ok(client.get(f"/registry/members/{member}")))["memberships"]
        assert place["team_id"] == team_id
    refused(await old.get(f"/registry/members/{person['member_id']}"), 403, "outside_your_unit", "member_id")


async def test_the_lists_of_both_maps_hold_every_team_once(reformed: World) -> None:
    async def total(**asked: Any) -> int:
        return int((await ok(reformed.officer.get("/registry/teams", params={"limit": 1, **asked})))["total"])

    all_of_them = await total()
    for day, level in (("2025-06-30", Level.DISTRICT), ("2025-07-01", Level.COMMUNE)):
        edition = editions.units("2025-01" if level is Level.DISTRICT else "2025-07")
        below = [u.unit_id for u in edition if u.level is level and u.parent_id == "51"]
        assert sum([await total(on=day, within=unit_id) for unit_id in below]) == all_of_them
        assert await total(on=day, within="51") == all_of_them
    assert await total(within=CA_DAM) >= 2
    assert (await reformed.place(OWN, JULY)).unit_id == CA_DAM
