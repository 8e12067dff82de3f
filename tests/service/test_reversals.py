"""What stands in the way of taking a reform back is named, with what to do instead; nothing is half taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from tests.service.reforms import V1, World, villages_merge, world
from tests.support.servers import Nats, Postgres
from tests.support.world import ok, refused

ELSEWHERE = "21403"


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    async with world(postgres, guarded_nats, V1) as made:
        yield made


async def test_a_reform_that_there_is_not_is_not_taken_back(here: World) -> None:
    answer = await here.officer.post("/registry/reforms/none/reverse")
    refused(answer, 404, "no_such_reform", "reform_id")


async def test_a_team_that_was_moved_away_since_is_named_with_what_to_do(here: World) -> None:
    await here.execute(plan=villages_merge())
    move = {"unit_id": ELSEWHERE, "level": "commune", "effective_on": "2025-04-01"}
    await ok(here.officer.post(f"/registry/teams/t-{V1}/move", json=move))
    answer = await here.officer.post("/registry/reforms/r-villages/reverse")
    [error] = refused(answer, 422, "newer_state", "reform_id")["errors"]
    assert f"t-{V1}" in error["message"]["en"]
    assert "01/04/2025" in error["message"]["vi"]
    assert "preview" in error["message"]["en"]
    assert (await here.place(f"t-{V1}", date(2025, 3, 15))).village_id == "v-21142-3"
    assert (await here.place(f"t-{V1}", date(2025, 5, 1))).unit_id == ELSEWHERE
