"""POST /teams/{team_id}/merge: a team becomes part of another; its members follow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from services.registry import disband_team, team_end
from services.registry.form_team import TeamAnswer
from services.registry.store import memberships
from services.registry.team_access import lock_managed
from services.registry.team_end import Ended, Group, Merging
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.contracts.registry import Role
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, allow, router, who

routes = router("teams")


class MergeTeams(Body):
    """Which team takes the other in, and from when on."""

    into_team_id: Id
    effective_on: Day = Field(description="First day as one team; the day before is the last of the team that ends.")
    leader_id: Id | None = Field(None, description="Who leads then; needed where both teams have a leader.")
    other_leader_becomes: Literal["deputy", "member"] = Field("deputy", description="Role of the other leader.")


@routes.post("/teams/{team_id}/merge", openapi_extra=who(OFFICERS, "both teams must lie in the caller's units"))
async def merge_teams(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: MergeTeams,
    caller: Annotated[Caller, allow(*OFFICERS)],
    idempotency_key: IdempotencyKey = None,
) -> TeamAnswer:
    """Merges a team into another. Members keep their roles, but for one of two leaders; what they did stays counted."""

    async def work(conn: Conn, now: datetime) -> Decision:
        ended = await draft(conn, service.province, team_id, body, caller, now)
        await disband_team.save(conn, ended, now)
        return Decision({"team_id": team_id}, ended.events)

    content = {"team": team_id, **body.model_dump()}
    done = await service.commands.execute("merge_teams", work, by=caller, key=idempotency_key, body=content)
    return TeamAnswer(**done.answer, pos=done.pos)


async def draft(conn: Conn, province: str, team_id: str, body: MergeTeams, caller: Caller, now: datetime) -> Ended:
    """What the merger changes, on both teams, which stay locked until the transaction ends. Raises what refuses it."""
    wanted = {"team_id": team_id, "into_team_id": body.into_team_id}
    histories = await lock_managed(conn, caller, wanted, province, now)
    there = await memberships.memberships(conn, wanted.values())
    group, into = (Group(h, [m for m in there if m.team_id == h.team.team_id]) for h in histories)
    merging = Merging(body.effective_on, body.leader_id, Role(body.other_leader_becomes))
    return team_end.merge(group, into, merging, now)
