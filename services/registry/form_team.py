"""POST /teams: a team is founded at a unit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.registry import store, team
from services.registry.unit import Unit
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("teams")


class FormTeam(Body):
    """A founding decision."""

    team_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    name: Name = Field(examples=["Tổ công nghệ số cộng đồng thị trấn Mộ Đức"])
    level: Literal["district", "commune", "village"]
    unit_id: Id = Field(description="The unit; of a village team, its commune.", examples=["21400"])
    village: Name | None = Field(None, description="Name of the village, for village teams.", examples=["Thôn 1"])
    decision_number: Name = Field(examples=["12/QĐ-UBND"])
    decision_date: Day
    formed_on: Day


class TeamAnswer(Answer):
    """A founded team."""

    team_id: str


@routes.post("/teams", status_code=201, openapi_extra=who(OFFICERS, "the team's unit must lie in the caller's units"))
async def form_team(service: Svc, body: FormTeam, caller: Annotated[Caller, allow(*OFFICERS)]) -> TeamAnswer:
    """Forms a team. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        unit = await store.unit(conn, body.unit_id)
        if unit is None:
            raise unknown_unit(body.unit_id)
        caller.must_cover((service.province, *unit.path), field="unit_id")
        return await _save(conn, unit, body, now)

    done = await service.commands.execute("form_team", work, key=body.team_id, body=body, field="team_id")
    return TeamAnswer(**done.answer, pos=done.pos)


async def _save(conn: Conn, unit: Unit, body: FormTeam, now: datetime) -> Decision:
    founding = team.Founding(**body.model_dump(exclude={"unit_id", "level"}), level=Level(body.level))
    formed, event = team.form(unit, founding, now, has_communes=await store.has_communes(conn, unit.unit_id))
    if not await store.save_team(conn, formed):
        raise errors.conflict(
            "id_taken", "team_id", "Mã tổ đã được dùng. Hãy tạo mã mới.", "This id is taken. Make a new one."
        )
    return Decision({"team_id": formed.team_id}, [event])


def unknown_unit(unit_id: str) -> errors.Problem:
    """422: no such unit is in force."""
    return errors.invalid(
        "unknown_unit",
        "unit_id",
        f"Không có đơn vị «{unit_id}» đang có hiệu lực. Xem danh sách tại /registry/units.",
        f"There is no unit «{unit_id}» in force. See /registry/units.",
    )
