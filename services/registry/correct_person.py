"""PUT /members/{member_id}/person: a person's name, phone or title is put right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import vault
from services.registry.join_team import Phone
from services.registry.person import LegalBasis, Person, Why
from services.registry.person_access import READERS, READERS_SCOPE, PersonAnswer, may_reach
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Name, allow, router, who

routes = router("people")


class CorrectPerson(Body):
    """The data as it should be, all of it."""

    full_name: Name
    phone: Phone | None = None
    title: Name | None = Field(None, description="Of a contact: the office held.")
    legal_basis: LegalBasis | None = Field(
        None, description="Needed where the basis was withdrawn: the new one. Otherwise it stays when left out."
    )


@routes.put("/members/{member_id}/person", openapi_extra=who(READERS, READERS_SCOPE))
async def correct_person(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN, description="Of a member or of a contact.")],
    body: CorrectPerson,
    caller: Annotated[Caller, allow(*READERS)],
) -> PersonAnswer:
    """Corrects a person's data. The record says which fields changed, never what they say. Again: nothing more."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await may_reach(conn, service, caller, member_id, now)
        basis = body.legal_basis or await vault.basis_of(conn, member_id)
        right = Person(member_id, body.full_name, body.phone, body.title, basis)
        await vault.write_person(conn, caller, right, Why.CORRECTION, now, renewed=body.legal_basis is not None)
        return Decision({"member_id": member_id})

    done = await service.commands.execute("correct_person", work, by=caller)
    return PersonAnswer(**done.answer, pos=done.pos)
