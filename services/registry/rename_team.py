"""POST /teams/{team_id}/rename: a team has another name from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import team
from services.registry.form_team import TeamAnswer
from services.registry.store import teams
from services.registry.team_access import lock_managed
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, IdempotencyKey, Name, allow, router, who

routes = router("teams")


class RenameTeam(Body):
    """A name and its first day."""

    name: Name = Field(examples=["Tổ công nghệ số cộng đồng thôn Vạn Tường"])
    effective_on: Day = Field(description="First day of the name.")


@routes.post("/teams/{team_id}/rename", openapi_extra=who(OFFICERS, "teams in the caller's units"))
async def rename_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: RenameTeam,
    caller: Annotated[Caller, allow(*OFFICERS)],
    idempotency_key: IdempotencyKey = None,
) -> TeamAnswer:
    """Renames a team. What it was called before stays on record; a name from the same day as the last replaces it."""

    async def work(conn: Conn, now: datetime) -> Decision:
        [renamed] = await lock_managed(conn, caller, {"team_id": team_id}, service.province, now)
        name, event = team.rename(renamed, body.name, body.effective_on, now)
        await teams.save_name(conn, team_id, name, known_from=now)
        return Decision({"team_id": team_id}, [event])

    content = {"team": team_id, **body.model_dump()}
    done = await service.commands.execute("rename_team", work, by=caller, key=idempotency_key, body=content)
    return TeamAnswer(**done.answer, pos=done.pos)
