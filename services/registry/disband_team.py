"""POST /teams/{team_id}/disband: a team ends, and the places on it with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from services.registry import team_end
from services.registry.form_team import TeamAnswer
from services.registry.store import memberships, teams
from services.registry.team_access import lock_managed
from services.registry.team_end import Ended, Group
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.contracts.reform import EndReason
from shared.contracts.registry import TeamDisbanded
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, IdempotencyKey, allow, router, who

routes = router("teams")


class DisbandTeam(Body):
    """How a team ends."""

    last_day: Day = Field(description="The last day on which there is the team.")
    reason: Literal["task_done", "no_members", "other"]


@routes.post("/teams/{team_id}/disband", openapi_extra=who(OFFICERS, "teams in the caller's units"))
async def disband_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: DisbandTeam,
    caller: Annotated[Caller, allow(*OFFICERS)],
    idempotency_key: IdempotencyKey = None,
) -> TeamAnswer:
    """Disbands a team; who is on it leaves on its last day. What they did until then stays counted."""

    async def work(conn: Conn, now: datetime) -> Decision:
        [ending] = await lock_managed(conn, caller, {"team_id": team_id}, service.province, now)
        group = Group(ending, await memberships.memberships(conn, [team_id]))
        ended = team_end.disband(group, body.last_day, EndReason(body.reason), now)
        await save(conn, ended, now)
        return Decision({"team_id": team_id}, ended.events)

    content = {"team": team_id, **body.model_dump()}
    done = await service.commands.execute("disband_team", work, by=caller, key=idempotency_key, body=content)
    return TeamAnswer(**done.answer, pos=done.pos)


async def save(conn: Conn, ended: Ended, now: datetime) -> None:
    """Writes the end of a team and what becomes of its members."""
    await memberships.end_memberships(conn, ended.left)
    await memberships.save_roles(conn, ended.roles, known_from=now)
    await memberships.save_memberships(conn, ended.joined, known_from=now)
    for event in ended.events:
        if isinstance(event, TeamDisbanded):
            await teams.save_end(conn, event.team_id, event.last_day, event.reason, event.into_team_id)
