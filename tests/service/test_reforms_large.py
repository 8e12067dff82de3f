"""The reform of July 2025 at its true size: 2,000 teams, a thousand villages."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date

import pytest

from services.registry import editions
from services.registry.reform import state
from services.registry.store import teams, units
from services.registry.team import Team
from services.registry.unit import Unit
from shared.contracts.reform import Change, Level, UnitState
from shared.contracts.registry import TeamReassigned, UnitsReorganised
from tests.service.reforms import BEGINNING, JULY, TRA_BUI, World, world
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config

TEAMS, VILLAGES_EACH = 2000, 6


@pytest.fixture
async def large(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """Six villages at each commune of January 2025 but Trà Bùi, and 2,000 teams over them all."""
    async with world(postgres, await fresh_nats(nats_config())) as here:
        await here.execute(edition="2025-01")
        communes = [u for u in await here.map(date(2025, 1, 1)) if u.level is Level.COMMUNE and u.unit_id != TRA_BUI]
        villages = [below(c, n) for c in communes for n in range(VILLAGES_EACH)]
        founded = [a_team_at(communes[n % len(communes)], n) for n in range(TEAMS)]
        async with here.running.services["registry"].pool.acquire() as conn, conn.transaction():
            await units.save_states(conn, villages, known_from=BEGINNING)
            await teams.save_teams(conn, founded, known_from=BEGINNING)
        yield here


def below(commune: Unit, number: int) -> Unit:
    """A village of a commune, as it is since January."""
    own = (f"v-{commune.unit_id}-{number}", "", f"Thôn {number}", "hamlet", Level.VILLAGE)
    return Unit(*own, commune.unit_id, commune.district_id, commune.commune_id, "", date(2025, 1, 2))


def a_team_at(commune: Unit, number: int) -> Team:
    """A team of a commune since February."""
    place = (Level.COMMUNE, commune.unit_id, None, commune.district_id, commune.commune_id)
    return Team(f"t{number}", f"Tổ {number}", *place, "1/QĐ", date(2025, 2, 1), date(2025, 2, 1))


@pytest.mark.slow
async def test_thousands_of_villages_and_teams_move_in_seconds_and_the_events_lose_none(large: World) -> None:
    begun = time.perf_counter()
    seen = await large.preview(edition="2025-07", choices={"villages": {"v-21142-1": "21136-2507"}})
    assert {q["subject_id"] for q in seen["questions"]} == {"v-21142-2"}
    assert seen["teams"] == TEAMS
    assert time.perf_counter() - begun < 5, "a preview is something to wait for, not to come back to"
    choices = {"villages": {"v-21142-1": "21136-2507", "v-21142-2": "21157-2507"}}
    done = await large.execute(edition="2025-07", choices=choices)
    assert (done["teams"], done["changed"]) == (TEAMS, 6 + 2 + 169 * VILLAGES_EACH)
    told = [e for e in await large.running.log("registry", UnitsReorganised) if getattr(e, "edition", "") == "2025-07"]
    assert len(told) > 1, "a thousand villages are too many for one event"
    changes = [c for e in told if isinstance(e, UnitsReorganised) for c in e.changes]
    assert len(changes) == len({c.unit.unit_id for c in changes})
    after: dict[str, UnitState] = {c.unit.unit_id: c.unit for c in changes if c.change is not Change.ABOLISHED}
    there = {u.unit_id: state(u) for u in await large.map(JULY)}
    kept = {u.unit_id for u in editions.units("2025-07")} - after.keys()
    assert there == {**after, **{i: there[i] for i in kept}}
    moved = await large.running.log("registry", TeamReassigned)
    assert {getattr(e, "team_id", "") for e in moved} == {f"t{n}" for n in range(TEAMS)}
    back = await large.reverse("2025-07")
    assert back["teams"] == TEAMS
    assert len(await large.map(JULY)) == 1 + 13 + 170 + 2 + 169 * VILLAGES_EACH
