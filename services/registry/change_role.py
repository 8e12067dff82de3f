"""POST /members/{member_id}/role: a member has another role on a team from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import membership
from services.registry.join_team import MemberAnswer
from services.registry.leave_team import lock_place
from services.registry.membership import RoleSince
from services.registry.store import memberships
from services.registry.team_access import ROLES, SCOPE
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts import registry
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, allow, router, who

routes = router("members")


class ChangeRole(Body):
    """A role and its first day."""

    team_id: Id | None = Field(None, description="On which team; needed for a person who is on several.")
    role: registry.Role
    effective_on: Day = Field(description="First day of the role.")


@routes.post("/members/{member_id}/role", openapi_extra=who(ROLES, SCOPE))
async def change_role(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: ChangeRole,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> MemberAnswer:
    """Changes a member's role. The roles before stay on record; one from the same day as the last replaces it."""

    async def work(conn: Conn, now: datetime) -> Decision:
        on, place = await lock_place(conn, caller, member_id, body.team_id, service.province, now)
        there = await memberships.memberships(conn, [place.team_id])
        role = RoleSince(body.effective_on, body.role)
        changed, event = membership.change_role(on, there, place, role, now)
        await memberships.save_roles(conn, [(changed, role)], known_from=now)
        return Decision({"member_id": member_id}, [event])

    content = {"member": member_id, **body.model_dump()}
    done = await service.commands.execute("change_role", work, by=caller, key=idempotency_key, body=content)
    return MemberAnswer(**done.answer, pos=done.pos)
