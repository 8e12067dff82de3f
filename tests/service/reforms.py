"""Registry with teams everywhere, from the map of 2023 through both reforms of 2025."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import httpx

from services.registry import editions
from services.registry.app import SPEC as REGISTRY
from services.registry.store import teams, units
from services.registry.team import TeamPlace
from services.registry.unit import Unit
from shared.auth import Role
from shared.contracts.reform import Level
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import MO_DUC, a_member, a_team, ok

BEGINNING = datetime(2023, 7, 28, 1, tzinfo=UTC)
AFTER = datetime(2025, 8, 1, 1, tzinfo=UTC)
JANUARY, JULY = date(2025, 1, 1), date(2025, 7, 1)
TRA_BUI, CA_DAM, TAY_TRA_BONG, DONG_SON, LY_SON = "21142", "21136-2507", "21157-2507", "21109-2507", "536"
V1, V2 = "v-21142-1", "v-21142-2"
VILLAGES = {V1: CA_DAM, V2: TAY_TRA_BONG}
OWN = f"t-{TRA_BUI}"
"""The team of Trà Bùi itself, which no village decides for."""
CHOICES = {"villages": VILLAGES, "teams": {OWN: CA_DAM}}
"""What July leaves open once there are villages and a team at Trà Bùi."""


class World(NamedTuple):
    """Registry at work, and the province's officer."""

    running: Stack
    officer: httpx.AsyncClient

    async def place(self, team_id: str, day: date) -> TeamPlace:
        """Where a team is on a day."""
        async with self.running.services["registry"].pool.acquire() as conn:
            found = await teams.place(conn, team_id, day)
        assert found, team_id
        return found

    async def map(self, day: date, root: str = "51") -> list[Unit]:
        """The map of a day."""
        async with self.running.services["registry"].pool.acquire() as conn:
            return await units.map_of_day(conn, day, root=root)

    async def ask(self, statement: str) -> list[Any]:
        """Rows of registry's database."""
        async with self.running.services["registry"].pool.acquire() as conn:
            return [tuple(r.values()) for r in await conn.fetch(statement)]

    async def preview(self, **body: Any) -> dict[str, Any]:
        """What a reform would do."""
        return await ok(self.officer.post("/registry/reforms/preview", json=body), 200)

    async def execute(self, **body: Any) -> dict[str, Any]:
        """A reform takes effect."""
        return await ok(self.officer.post("/registry/reforms", json=body), 201)

    async def reverse(self, reform_id: str) -> dict[str, Any]:
        """A reform is taken back."""
        return await ok(self.officer.post(f"/registry/reforms/{reform_id}/reverse"), 201)


@asynccontextmanager
async def world(postgres: Postgres, nats: Nats, *at: str) -> AsyncIterator[World]:
    """The map of 2023 with two villages of Trà Bùi, a team at each of these units and a person on each; in August 2025.

    A team of a village comes with the unit `v-…`.
    """
    clock = HandClock(BEGINNING)
    async with stack(REGISTRY, postgres=postgres, nats=nats, clock=clock) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for village_id in (V1, V2):
            village = {"village_id": village_id, "name": f"Thôn {village_id[-1]}", "parent_id": TRA_BUI}
            await ok(officer.post("/registry/villages", json={**village, "valid_from": "2023-07-03"}), 201)
        for unit_id in at:
            await found_team(officer, unit_id)
        clock.now = AFTER
        yield World(running, officer)


async def found_team(officer: httpx.AsyncClient, unit_id: str, called: str | None = None, **changed: Any) -> str:
    """A team `t-…` at a unit, with a leader `m-…`; named by the unit if not otherwise."""
    if unit_id.startswith("v-"):
        body = a_team(TRA_BUI, "village", village=f"Thôn {unit_id[-1]}", village_id=unit_id)
    else:
        body = a_team(unit_id, "district" if len(unit_id) == 3 else "commune")
    body = {**body, "team_id": f"t-{called or unit_id}", **changed}
    await ok(officer.post("/registry/teams", json=body), 201)
    person = a_member(member_id=f"m-{called or unit_id}", role="leader", joined_on=body["formed_on"])
    await ok(officer.post(f"/registry/teams/{body['team_id']}/members", json=person), 201)
    return str(body["team_id"])


def of_2023() -> list[str]:
    """Every district and every commune of 2023, and Trà Bùi's villages."""
    return [*(u.unit_id for u in editions.units("2023") if u.level is not Level.PROVINCE), V1, V2]


def villages_merge(reform_id: str = "r-villages", effective_on: str = "2025-03-01", **changed: Any) -> dict[str, Any]:
    """A decision of the district of Trà Bồng: Trà Bùi's two villages become one."""
    unit = {"unit_id": "v-21142-3", "code": "", "name": "Thôn Chung", "kind": "hamlet", "level": "village",
            "parent_id": TRA_BUI}  # fmt: skip
    return {
        "reform_id": reform_id,
        "legal_basis": {"number": "1/NQ-HĐND", "title": "Sáp nhập thôn", "issued_on": "2025-02-01", "issuer": "HĐND"},
        "effective_on": effective_on,
        "successors": [{"unit": unit, "predecessors": [{"unit_id": V1}, {"unit_id": V2}]}],
        **changed,
    }


def unit(unit_id: str, name: str, kind: str = "commune", parent_id: str | None = MO_DUC, **more: str) -> dict[str, Any]:
    """A unit of the new map."""
    code = unit_id if unit_id.isdecimal() else ""
    return {"unit_id": unit_id, "code": code, "name": name, "kind": kind, "level": "commune", "parent_id": parent_id,
            **more}  # fmt: skip


def made_of(after: dict[str, Any], *wholes: str, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """A successor with its predecessors."""
    some = [*({"unit_id": i} for i in wholes), *({"unit_id": i, "part": "part"} for i in parts)]
    return {"unit": after, "predecessors": some}


def plan(reform_id: str, *successors: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A decision of the province."""
    basis = {"number": "7/NQ-HĐND", "title": "Sắp xếp", "issued_on": "2024-05-10", "issuer": "HĐND tỉnh"}
    return {
        "reform_id": reform_id,
        "legal_basis": basis,
        "effective_on": "2024-06-01",
        "successors": list(successors),
        **changed,
    }
