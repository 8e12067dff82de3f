"""POST /contacts: who answers for a unit, an organisation or a team. Name, phone and title go to the vault only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.registry import contact, vault
from services.registry.join_team import Phone
from services.registry.organisation_refusals import not_in_future
from services.registry.person import LegalBasis, Person, Why, id_taken
from services.registry.store import contacts as store
from services.registry.store import vault as people
from services.registry.store.contacts import Contact
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("contacts")


class RegisterContact(Body):
    """A contact of exactly one unit, organisation or team."""

    contact_id: Id = Field(description="Made by the client, so that sending again is harmless. A pseudonym.")
    unit_id: Id | None = None
    organisation_id: Id | None = None
    team_id: Id | None = None
    full_name: Name = Field(description="Kept in the vault; never published.")
    phone: Phone | None = Field(None, description="Kept in the vault; never published.")
    title: Name | None = Field(None, description="The office held. Kept in the vault; never published.")
    legal_basis: LegalBasis = LegalBasis.PUBLIC_TASK
    since: Day


class ContactAnswer(Answer):
    """A contact."""

    contact_id: str


@routes.post("/contacts", status_code=201, openapi_extra=who(contact.ROLES, contact.SCOPE))
async def register_contact(
    service: Svc, body: RegisterContact, caller: Annotated[Caller, allow(*contact.ROLES)]
) -> ContactAnswer:
    """Registers a contact. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        for_whom = contact.whose(body.unit_id, body.organisation_id, body.team_id)
        await contact.must_reach(conn, caller, for_whom, service.province, body.since)
        not_in_future("since", body.since, now)
        if await people.is_held(conn, body.contact_id):
            raise id_taken()
        row = Contact(body.contact_id, body.unit_id, body.organisation_id, body.team_id, body.since, None)
        if not await store.save_contact(conn, row):
            raise id_taken()
        written = Person(body.contact_id, body.full_name, body.phone, body.title, body.legal_basis)
        await vault.write_person(conn, caller, written, Why.JOINING, now)
        return Decision({"contact_id": body.contact_id})

    done = await service.commands.execute(
        "register_contact", work, by=caller, key=body.contact_id, body=body, field="contact_id"
    )
    return ContactAnswer(**done.answer, pos=done.pos)
