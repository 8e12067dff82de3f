"""GET /contacts: who answers for a unit, an organisation or a team, for a stated reason, on record."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry import contact, vault
from services.registry.person import Why
from services.registry.store import contacts as store
from shared.auth import Caller
from shared.clock import local_day
from shared.deps import Svc
from shared.http import ID_PATTERN, allow, router, who

routes = router("contacts")
Whom = Annotated[str | None, Query(pattern=ID_PATTERN, description="Name exactly one of the three.")]


class ContactView(BaseModel):
    """A contact with what the vault may say."""

    contact_id: str
    since: date
    last_day: date | None
    full_name: str | None = Field(description="Null: erased, or the legal basis is withdrawn.")
    phone: str | None
    title: str | None


class ContactList(BaseModel):
    """The contacts of one unit, organisation or team."""

    items: list[ContactView]


@routes.get("/contacts", openapi_extra=who(contact.ROLES, contact.SCOPE))
async def list_contacts(
    service: Svc,
    caller: Annotated[Caller, allow(*contact.ROLES)],
    why: Annotated[Why, Query(description="What the data is read for; goes on record.")],
    unit_id: Whom = None,
    organisation_id: Whom = None,
    team_id: Whom = None,
) -> ContactList:
    """Contacts of today. Each person that is read is on record."""
    for_whom, now = contact.whose(unit_id, organisation_id, team_id), service.clock()
    today = local_day(now)
    async with service.pool.acquire() as conn, conn.transaction():
        await contact.must_reach(conn, caller, for_whom, service.province, today)
        rows = await store.contacts(conn, for_whom, today)
        people = await vault.read_people(conn, caller, [r.contact_id for r in rows], why, now)
    items = []
    for row in rows:
        known = people.get(row.contact_id)
        said = known._asdict() if known else {}
        view = {name: said.get(name) for name in ("full_name", "phone", "title")}
        items.append(ContactView(contact_id=row.contact_id, since=row.since, last_day=row.last_day, **view))
    return ContactList(items=items)
