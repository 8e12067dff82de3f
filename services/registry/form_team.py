"""POST /teams: a team is founded at a unit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.registry import team
from services.registry.store import teams
from services.registry.team_access import Wanted, load_site
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.clock import local_day
from shared.commands import Decision
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("teams")
TeamLevel = Literal["district", "commune", "village"]


class FormTeam(Body):
    """A founding decision."""

    team_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    name: Name = Field(examples=["Tổ công nghệ số cộng đồng thị trấn Mộ Đức"])
    level: TeamLevel
    unit_id: Id = Field(description="The unit; of a village team, its commune.", examples=["21400"])
    village: Name | None = Field(None, description="Name of the village, for village teams.", examples=["Thôn 1"])
    village_id: Id | None = Field(
        None, description="The village as a unit, where it is one; then its name may be left out."
    )
    successor_id: Id | None = Field(
        None, description="Of a unit that was split after the founding day: the successor that the team is at now."
    )
    decision_number: Name = Field(examples=["12/QĐ-UBND"])
    decision_date: Day
    formed_on: Day


class TeamAnswer(Answer):
    """A team."""

    team_id: str


@routes.post("/teams", status_code=201, openapi_extra=who(OFFICERS, "the team's unit must lie in the caller's units"))
async def form_team(service: Svc, body: FormTeam, caller: Annotated[Caller, allow(*OFFICERS)]) -> TeamAnswer:
    """Forms a team. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        wanted = Wanted(body.unit_id, body.village_id, body.successor_id)
        site = await load_site(conn, wanted, body.formed_on, day_field="formed_on")
        caller.must_cover((service.province, *site.on(local_day(now)).unit.path), field="unit_id")
        founding = team.Founding(
            **body.model_dump(include=set(team.Founding._fields) - {"level"}), level=Level(body.level)
        )
        formed, event = team.form(site, founding, now)
        if not await teams.save_team(conn, formed, known_from=now):
            raise id_taken()
        further = team.follow(site, team.first_place(formed))
        await teams.save_places(conn, [place for place, _ in further], known_from=now)
        return Decision({"team_id": formed.team_id}, [event, *(moved for _, moved in further)])

    done = await service.commands.execute("form_team", work, by=caller, key=body.team_id, body=body, field="team_id")
    return TeamAnswer(**done.answer, pos=done.pos)


def id_taken() -> errors.Problem:
    """409: there is a team of that id."""
    return errors.conflict(
        "id_taken", "team_id", "Mã tổ đã được dùng. Hãy tạo mã mới.", "This id is taken. Make a new one."
    )
