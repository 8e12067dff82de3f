"""POST /guidances/{guidance_id}/withdraw: a recorded guidance no longer counts; the reason stays with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from services.outreach import guidance, store
from services.outreach.guidance import Guidance
from services.outreach.record_guidances import ROLES, SCOPE, GuidanceAnswer
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.commands import Decision
from shared.contracts.outreach import WithdrawReason
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, allow, router, who

routes = router("guidances")


class WithdrawGuidance(Body):
    """Why it no longer counts."""

    reason: WithdrawReason
    note: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, description="For colleagues; stays in this service, never published."
    )


@routes.post("/guidances/{guidance_id}/withdraw", openapi_extra=who(ROLES, SCOPE))
async def withdraw_guidance(
    service: Svc,
    guidance_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: WithdrawGuidance,
    caller: Annotated[Caller, allow(*ROLES)],
) -> GuidanceAnswer:
    """Withdraws a guidance. Withdrawing it again for the same reason changes nothing; for another reason: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        row = await store.lock_guidance(conn, guidance_id)
        if row is None:
            raise errors.not_found(
                "no_such_guidance",
                "guidance_id",
                f"Không có lượt «{guidance_id}».",
                f"There is no guidance «{guidance_id}».",
            )
        _must_be_own(caller, row, (service.province, *await store.team_path(conn, row.team_id)))
        event = guidance.withdraw(row, body.reason, now)
        if event is None:
            return Decision({"guidance_id": guidance_id})
        await store.mark_withdrawn(conn, guidance_id, now, body.reason, body.note)
        return Decision({"guidance_id": guidance_id}, [event])

    done = await service.commands.execute("withdraw_guidance", work, by=caller)
    return GuidanceAnswer(**done.answer, pos=done.pos)


def _must_be_own(caller: Caller, row: Guidance, now_at: tuple[str, ...]) -> None:
    """Own, or of the caller's team, or of a unit of the caller's: of that day, or where the team is by now."""
    if caller.has(Role.MEMBER, Role.TEAM_LEADER) and caller.member_id == row.member_id:
        return
    if caller.has(Role.TEAM_LEADER) and caller.team_id == row.team_id:
        return
    scope = caller if caller.has(*OFFICERS) else caller._replace(units=())
    scope.must_cover((*now_at, row.unit_id, row.district_id, row.commune_id), field="guidance_id")
