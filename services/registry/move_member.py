"""POST /members/{member_id}/move: a person changes from one team to another, under the same id."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import membership
from services.registry.join_team import MemberAnswer
from services.registry.store import memberships
from services.registry.team_access import ROLES, lock_managed
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts import registry
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, allow, router, who

routes = router("members")


class MoveMember(Body):
    """From where to where, and when."""

    from_team_id: Id | None = Field(None, description="Needed for a person who is on several teams.")
    to_team_id: Id
    moved_on: Day = Field(description="First day on the new team; the day before is the last on the old one.")
    role: registry.Role = Field(registry.Role.MEMBER, description="The role on the new team.")


@routes.post("/members/{member_id}/move", openapi_extra=who(ROLES, "both teams must be the caller's to manage"))
async def move_member(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: MoveMember,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> MemberAnswer:
    """Moves a member to another team. What the member did until then stays counted for the team left."""

    async def work(conn: Conn, now: datetime) -> Decision:
        places = await memberships.memberships_of(conn, [member_id])
        left_id = membership.meant_place(places, member_id, body.from_team_id, field="from_team_id").team_id
        wanted = {"from_team_id": left_id, "to_team_id": body.to_team_id}
        old, new = await lock_managed(conn, caller, wanted, service.province, now)
        place = membership.open_place(await memberships.memberships_of(conn, [member_id]), left_id)
        there = await memberships.memberships(conn, [body.to_team_id])
        moved = membership.move((old, place), (new, there), membership.RoleSince(body.moved_on, body.role), now)
        await memberships.end_memberships(conn, [moved.left])
        await memberships.save_memberships(conn, [moved.joined], known_from=now)
        return Decision({"member_id": member_id}, moved.events)

    content = {"member": member_id, **body.model_dump()}
    done = await service.commands.execute("move_member", work, by=caller, key=idempotency_key, body=content)
    return MemberAnswer(**done.answer, pos=done.pos)
