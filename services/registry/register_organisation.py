"""POST /organisations: a department, union, school or firm whose people take part."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.registry import organisation
from services.registry.store import organisations
from shared import errors
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("organisations")
ROLES = (Role.PROVINCE_OFFICER, Role.OPERATOR)

Sector = Literal[
    "group",
    "department",
    "people_committee",
    "education",
    "youth_union",
    "mass_organisation",
    "university",
    "press",
    "enterprise",
]
Headcount = Annotated[int, Field(ge=0, le=10_000_000)]


class RegisterOrganisation(Body):
    """An organisation of the plan."""

    organisation_id: Id = Field(examples=["tinh-doan"])
    name: Name = Field(examples=["Tỉnh đoàn Quảng Ngãi"])
    sector: Sector
    headcount: Headcount | None = Field(
        None, description="Its people who are expected to take part, without those of the organisations below it."
    )
    parent_id: Id | None = Field(None, description="The group or organisation that it stands below.")
    valid_from: Day | None = Field(None, description="First day; leave out what was there before the movement.")


class OrganisationAnswer(Answer):
    """A registered organisation."""

    organisation_id: str


@routes.post("/organisations", status_code=201, openapi_extra=who(ROLES, "the whole province"))
async def register_organisation(
    service: Svc, body: RegisterOrganisation, caller: Annotated[Caller, allow(*ROLES)]
) -> OrganisationAnswer:
    """Registers an organisation. The same id and content again: the first answer again; other content: 409."""
    caller.must_cover([service.province], field="organisation_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        await organisations.lock_tree(conn)
        wish = organisation.Registration(**body.model_dump())
        state, event = organisation.register(await organisations.tree(conn), wish, now)
        if not await organisations.save_organisation(conn, state, body.headcount):
            raise _taken()
        return Decision({"organisation_id": body.organisation_id}, [event])

    done = await service.commands.execute(
        "register_organisation", work, by=caller, key=body.organisation_id, body=body, field="organisation_id"
    )
    return OrganisationAnswer(**done.answer, pos=done.pos)


def _taken() -> errors.Problem:
    return errors.conflict(
        "id_taken", "organisation_id", "Mã này đã được dùng. Hãy chọn mã khác.", "This id is taken. Choose another."
    )
