"""POST /teams/{team_id}/move: a team, with its members, belongs to another unit from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import team
from services.registry.form_team import TeamAnswer, TeamLevel
from services.registry.store import teams, units
from services.registry.team_access import Wanted, load_site, lock_managed
from shared.auth import OFFICERS, Caller
from shared.clock import local_day
from shared.commands import Decision
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, Name, allow, router, who

routes = router("teams")


class MoveTeam(Body):
    """Where a team goes, and its first day there."""

    unit_id: Id = Field(description="The unit; of a village team, its commune.", examples=["21403"])
    level: TeamLevel | None = Field(None, description="The level that it has there; as before unless said.")
    village: Name | None = Field(None, description="Name of the village, for village teams.")
    village_id: Id | None = Field(None, description="The village as a unit, where it is one.")
    successor_id: Id | None = Field(
        None, description="Of a unit that was split after that day: the successor that the team is at now."
    )
    effective_on: Day = Field(description="First day there.")


@routes.post("/teams/{team_id}/move", openapi_extra=who(OFFICERS, "both units must lie in the caller's units"))
async def move_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: MoveTeam,
    caller: Annotated[Caller, allow(*OFFICERS)],
    idempotency_key: IdempotencyKey = None,
) -> TeamAnswer:
    """Moves a team to another unit or village. What it did until then stays counted where it was."""

    async def work(conn: Conn, now: datetime) -> Decision:
        wanted = Wanted(body.unit_id, body.village_id, body.successor_id)
        site = await load_site(conn, wanted, body.effective_on, day_field="effective_on")
        await units.hold_map(conn)  # before the team, as a reform does: two that wait for each other would end one
        [moved] = await lock_managed(conn, caller, {"team_id": team_id}, service.province, now)
        caller.must_cover((service.province, *site.on(local_day(now)).unit.path), field="unit_id")
        level = Level(body.level) if body.level else moved.place_on(body.effective_on).level
        place, event = team.move(moved, site, team.Transfer(level, body.village, body.effective_on), now)
        further = team.follow(site, place)
        until = further[0][0].valid_from if further else None
        places = [place._replace(valid_to=until), *(after for after, _ in further)]
        await teams.save_places(conn, places, known_from=now)
        return Decision({"team_id": team_id}, [event, *(after for _, after in further)])

    content = {"team": team_id, **body.model_dump()}
    done = await service.commands.execute("move_team", work, by=caller, key=idempotency_key, body=content)
    return TeamAnswer(**done.answer, pos=done.pos)
