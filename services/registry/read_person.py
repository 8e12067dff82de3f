"""GET /members/{member_id}/person: the name and phone behind an id, for a stated reason, on record."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from services.registry import vault
from services.registry.person import LegalBasis, Why, nothing_held, reading_refused
from services.registry.person_access import READERS, READERS_SCOPE, reach
from services.registry.store import vault as store
from shared.auth import Caller
from shared.deps import Svc
from shared.http import ID_PATTERN, allow, router, who

routes = router("people")


class PersonView(BaseModel):
    """What the vault holds of a person."""

    member_id: str
    full_name: str
    phone: str | None
    title: str | None = Field(description="Of a contact: the office held.")
    legal_basis: LegalBasis


@routes.get("/members/{member_id}/person", openapi_extra=who(READERS, READERS_SCOPE))
async def read_person(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN, description="Of a member or of a contact.")],
    why: Annotated[Why, Query(description="What the data is read for; goes on record.")],
    caller: Annotated[Caller, allow(*READERS)],
) -> PersonView:
    """Reads a person's data. Each reading is on record with who, what, why and when; so is a refused one."""
    now = service.clock()
    async with service.pool.acquire() as conn:
        await reach(conn, service, caller, member_id, now)
        found = (await vault.read_people(conn, caller, [member_id], why, now)).get(member_id)
        if found is None:
            if not await store.is_held(conn, member_id):
                raise nothing_held(member_id)
            await vault.note_refusal(conn, caller, member_id, why, now)
            raise reading_refused()
    return PersonView(**found._asdict())
