"""POST /members/{member_id}/leave: a member's place on a team ends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import membership
from services.registry.join_team import MemberAnswer
from services.registry.membership import Membership
from services.registry.store import memberships
from services.registry.team import TeamHistory
from services.registry.team_access import ROLES, SCOPE, lock_managed
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.registry import LeaveReason
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, allow, router, who

routes = router("members")


class LeaveTeam(Body):
    """How the place ends."""

    team_id: Id | None = Field(None, description="Which team; needed for a person who is on several.")
    left_on: Day = Field(description="Last day on the team.")
    reason: LeaveReason


@routes.post("/members/{member_id}/leave", openapi_extra=who(ROLES, SCOPE))
async def leave_team(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: LeaveTeam,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> MemberAnswer:
    """Ends a member's place. What the member did until then stays counted."""

    async def work(conn: Conn, now: datetime) -> Decision:
        left, place = await lock_place(conn, caller, member_id, body.team_id, service.province, now)
        ended, event = membership.leave(left, place, body.left_on, body.reason, now)
        await memberships.end_memberships(conn, [ended])
        return Decision({"member_id": member_id}, [event])

    content = {"member": member_id, **body.model_dump()}
    done = await service.commands.execute("leave_team", work, by=caller, key=idempotency_key, body=content)
    return MemberAnswer(**done.answer, pos=done.pos)


async def lock_place(
    conn: Conn, caller: Caller, member_id: str, team_id: str | None, province: str, now: datetime
) -> tuple[TeamHistory, Membership]:
    """The place of a person that is meant and its team, locked. The caller must manage the team.

    A place that ended long ago is told to those who manage its team only.
    """
    places = await memberships.memberships_of(conn, [member_id])
    meant = membership.meant_place(places, member_id, team_id, field="team_id").team_id
    [locked] = await lock_managed(conn, caller, {"team_id": meant}, province, now)
    again = await memberships.memberships_of(conn, [member_id])  # now that nobody else changes the team
    return locked, membership.open_place(again, meant)
