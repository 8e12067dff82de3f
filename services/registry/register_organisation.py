"""POST /organisations: a department, union, school or firm whose people take part."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.registry import store
from services.registry.store import Organisation
from shared import errors
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.contracts.registry import OrganisationRegistered
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Id, Name, allow, router, who

routes = router("organisations")
ROLES = (Role.PROVINCE_OFFICER, Role.OPERATOR)

Sector = Literal[
    "department",
    "people_committee",
    "education",
    "youth_union",
    "mass_organisation",
    "university",
    "press",
    "enterprise",
]


class RegisterOrganisation(Body):
    """An organisation of the plan."""

    organisation_id: Id = Field(examples=["tinh-doan"])
    name: Name = Field(examples=["Tỉnh đoàn Quảng Ngãi"])
    sector: Sector
    headcount: int | None = Field(None, ge=0, le=10_000_000, description="People who are expected to take part.")


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
        if not await store.save_organisation(conn, Organisation(**body.model_dump())):
            raise _taken()
        return Decision(
            {"organisation_id": body.organisation_id}, [OrganisationRegistered(occurred_at=now, **body.model_dump())]
        )

    done = await service.commands.execute(
        "register_organisation", work, key=body.organisation_id, body=body, field="organisation_id"
    )
    return OrganisationAnswer(**done.answer, pos=done.pos)


def _taken() -> errors.Problem:
    return errors.conflict(
        "id_taken", "organisation_id", "Mã này đã được dùng. Hãy chọn mã khác.", "This id is taken. Choose another."
    )
