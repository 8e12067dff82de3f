"""POST /teams/{team_id}/members: a person takes a place on a team. Name and phone go to the vault only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from services.registry import membership, person, vault
from services.registry.store import memberships
from services.registry.store import vault as vault_rows
from services.registry.store.organisations import on_day as organisation_on
from services.registry.store.organisations import organisation
from services.registry.team_access import ROLES, SCOPE, lock_managed
from shared import errors, problems
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.contracts import registry
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, Body, Day, Id, IdempotencyKey, Name, allow, router, who

routes = router("members")

PHONE = problems.pattern(
    r"^\+?[0-9][0-9 .()-]{6,18}$",
    "phải là số điện thoại, ví dụ 090 123 4567",
    "must be a phone number, for example 090 123 4567",
)
Phone = Annotated[str, StringConstraints(pattern=PHONE)]


class JoinTeam(Body):
    """A member: somebody new, or a person whom registry knows, who takes a further place or comes back."""

    member_id: Id = Field(description="Made by the client for a new person, so that sending again is harmless.")
    full_name: Name | None = Field(
        None, description="Of a new person; kept in the vault, never published. Left out for a person who is known."
    )
    phone: Phone | None = Field(None, description="Of a new person; kept in the vault, never published.")
    role: registry.Role = registry.Role.MEMBER
    organisation_id: Id | None = Field(None, description="Left out for a person who is known: as it was.")
    joined_on: Day


class MemberAnswer(Answer):
    """A member."""

    member_id: str


@routes.post("/teams/{team_id}/members", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def join_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: JoinTeam,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> MemberAnswer:
    """Adds a member to a team. A new person's id and content again: the first answer again; other content: 409.

    Without a name the member is a person whom registry knows; officers only may add one, a leader adds new people.
    """

    async def work(conn: Conn, now: datetime) -> Decision:
        [joined] = await lock_managed(conn, caller, {"team_id": team_id}, service.province, now)
        organisation_id = await _person(conn, caller, body, now)
        await must_be_organisation(conn, organisation_id, body.joined_on)
        new = membership.new(body.member_id, team_id, body.role, organisation_id, body.joined_on)
        event = membership.join(joined, await memberships.memberships(conn, [team_id]), new, now)
        await memberships.save_memberships(conn, [new], known_from=now)
        return Decision({"member_id": body.member_id}, [event])

    content = {"team": team_id, **body.model_dump()}
    if body.full_name is None:
        done = await service.commands.execute("join_again", work, by=caller, key=idempotency_key, body=content)
    else:
        done = await service.commands.execute(
            "join_team", work, by=caller, key=body.member_id, body=content, field="member_id"
        )
    return MemberAnswer(**done.answer, pos=done.pos)


async def _person(conn: Conn, caller: Caller, body: JoinTeam, now: datetime) -> str | None:
    """Writes a new person, or looks a known one up; answers with the organisation."""
    if body.full_name is None:
        return await _known_person(conn, caller, body)
    await must_be_organisation(conn, body.organisation_id, body.joined_on)
    if not await memberships.save_people(conn, [(body.member_id, body.organisation_id)]):
        raise errors.conflict(
            "id_taken",
            "member_id",
            "Mã thành viên đã được dùng. Nếu là cùng một người, hãy bỏ trống họ tên và điện thoại.",
            "This member id is taken. If it is the same person, leave out the name and the phone.",
        )
    written = person.Person(body.member_id, body.full_name, body.phone)
    await vault.write_person(conn, caller, written, person.Why.JOINING, now)
    return body.organisation_id


async def _known_person(conn: Conn, caller: Caller, body: JoinTeam) -> str | None:
    known = await memberships.people(conn, [body.member_id])
    if body.member_id not in known or body.phone is not None or not caller.has(*OFFICERS):
        raise errors.invalid(
            "name_needed",
            "full_name",
            "Cần họ tên của thành viên mới. Chỉ bỏ trống họ tên và điện thoại khi cán bộ thêm người đã có trong sổ.",
            "A new member's name is needed. Name and phone are left out only when an officer adds a known person.",
        )
    if await vault_rows.erased(conn, [body.member_id]):
        raise person.erased_already()
    if body.organisation_id is None:
        return known[body.member_id]
    await must_be_organisation(conn, body.organisation_id, body.joined_on)
    await memberships.save_organisations_of(conn, [(body.member_id, body.organisation_id)])
    return body.organisation_id


async def must_be_organisation(conn: Conn, organisation_id: str | None, day: date) -> None:
    """Raises 422 unless there is the organisation on that day."""
    if organisation_id is None or await organisation_on(conn, organisation_id, day):
        return
    if await organisation(conn, organisation_id) is None:
        raise errors.invalid(
            "unknown_organisation",
            "organisation_id",
            f"Không có tổ chức «{organisation_id}». Xem danh sách tại /registry/organisations.",
            f"There is no organisation «{organisation_id}». See /registry/organisations.",
        )
    raise errors.invalid(
        "organisation_not_there",
        "organisation_id",
        f"Tổ chức «{organisation_id}» không tồn tại vào ngày {day:%d/%m/%Y}.",
        f"The organisation «{organisation_id}» is not there on {day}.",
    )
