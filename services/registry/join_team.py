"""POST /teams/{team_id}/members: a person takes a place on a team. Name and phone go to the vault only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from services.registry import store, team
from shared import errors, problems
from shared.auth import OFFICERS, Caller, Role
from shared.commands import Decision
from shared.contracts import registry
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, Body, Day, Id, Name, allow, router, who

routes = router("members")
ROLES = (*OFFICERS, Role.TEAM_LEADER)

PHONE = problems.pattern(
    r"^\+?[0-9][0-9 .()-]{6,18}$",
    "phải là số điện thoại, ví dụ 090 123 4567",
    "must be a phone number, for example 090 123 4567",
)
Phone = Annotated[str, StringConstraints(pattern=PHONE)]


class JoinTeam(Body):
    """A new member."""

    member_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    full_name: Name = Field(description="Kept in the vault; never published.")
    phone: Phone | None = Field(None, description="Kept in the vault; never published.")
    role: registry.Role = registry.Role.MEMBER
    organisation_id: Id | None = None
    joined_on: Day


class MemberAnswer(Answer):
    """A member."""

    member_id: str


@routes.post(
    "/teams/{team_id}/members",
    status_code=201,
    openapi_extra=who(ROLES, "officers: teams in the caller's units; a team leader: the own team"),
)
async def join_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: JoinTeam,
    caller: Annotated[Caller, allow(*ROLES)],
) -> MemberAnswer:
    """Adds a member to a team. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        joined = await store.lock_team(conn, team_id)
        if joined is None:
            raise no_such_team(team_id)
        may_manage(caller, joined, service.province)
        return await _save(conn, joined, body, now)

    content = {"team": team_id, **body.model_dump()}
    done = await service.commands.execute("join_team", work, key=body.member_id, body=content, field="member_id")
    return MemberAnswer(**done.answer, pos=done.pos)


async def _save(conn: Conn, joined: team.Team, body: JoinTeam, now: datetime) -> Decision:
    if body.organisation_id and await store.organisation(conn, body.organisation_id) is None:
        raise errors.invalid(
            "unknown_organisation",
            "organisation_id",
            f"Không có tổ chức «{body.organisation_id}». Xem danh sách tại /registry/organisations.",
            f"There is no organisation «{body.organisation_id}». See /registry/organisations.",
        )
    new = team.Member(body.member_id, joined.team_id, body.role, body.organisation_id, body.joined_on, None)
    event = team.join(joined, await store.members(conn, joined.team_id), new, now)
    if not await store.save_member(conn, new):
        raise errors.conflict("id_taken", "member_id", "Mã thành viên đã được dùng.", "This member id is taken.")
    await store.save_person(conn, body.member_id, body.full_name, body.phone)
    return Decision({"member_id": body.member_id}, [event])


def may_manage(caller: Caller, managed: team.Team, province: str, *others: Role) -> None:
    """Officers (and `others`) manage the teams of their units, a leader the own team whatever units the token names."""
    if caller.has(Role.TEAM_LEADER) and caller.team_id == managed.team_id:
        return
    scope = caller if caller.has(*OFFICERS, *others) else caller._replace(units=())
    scope.must_cover((province, *managed.path), field="team_id")


def no_such_team(team_id: str) -> errors.Problem:
    """404: registry knows no such team."""
    return errors.not_found("no_such_team", "team_id", f"Không có tổ «{team_id}».", f"There is no team «{team_id}».")
