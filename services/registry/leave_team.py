"""POST /members/{member_id}/leave: a member's place on a team ends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import store, team
from services.registry.join_team import ROLES, MemberAnswer, may_manage, no_such_team
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.registry import LeaveReason
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, IdempotencyKey, allow, router, who

routes = router("members")


class LeaveTeam(Body):
    """How the place ends."""

    left_on: Day = Field(description="Last day on the team.")
    reason: LeaveReason


@routes.post(
    "/members/{member_id}/leave",
    openapi_extra=who(ROLES, "officers: teams in the caller's units; a team leader: the own team"),
)
async def leave_team(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: LeaveTeam,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> MemberAnswer:
    """Ends a member's place. What the member did until then stays counted."""

    async def work(conn: Conn, now: datetime) -> Decision:
        member = await store.member(conn, member_id)
        if member is None:
            raise errors.not_found(
                "no_such_member",
                "member_id",
                f"Không có thành viên «{member_id}».",
                f"There is no member «{member_id}».",
            )
        left = await store.team(conn, member.team_id)
        if left is None:
            raise no_such_team(member.team_id)
        may_manage(caller, left, service.province)
        event = team.leave(left, member, body.left_on, body.reason, now)
        await store.end_membership(conn, member_id, body.left_on, body.reason)
        return Decision({"member_id": member_id}, [event])

    content = {"member": member_id, **body.model_dump()}
    done = await service.commands.execute("leave_team", work, key=idempotency_key, body=content)
    return MemberAnswer(**done.answer, pos=done.pos)
