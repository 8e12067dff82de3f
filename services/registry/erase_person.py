"""DELETE /members/{member_id}/person, POST /members/{member_id}/erase: what is held of a person is deleted for good."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path

from services.registry import vault
from services.registry.person import Why
from services.registry.person_access import DECIDERS, DECIDERS_SCOPE, PersonAnswer, may_reach
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.registry import PersonErased
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, allow, router, who

routes = router("people")
MemberId = Annotated[str, Path(pattern=ID_PATTERN, description="Of a member or of a contact.")]


@routes.delete("/members/{member_id}/person", openapi_extra=who(DECIDERS, DECIDERS_SCOPE))
async def delete_person(service: Svc, member_id: MemberId, caller: Annotated[Caller, allow(*DECIDERS)]) -> PersonAnswer:
    """Erases a person: the same as `POST /members/{member_id}/erase`."""
    return await _erase(service, member_id, caller)


@routes.post("/members/{member_id}/erase", openapi_extra=who(DECIDERS, DECIDERS_SCOPE))
async def erase_person(service: Svc, member_id: MemberId, caller: Annotated[Caller, allow(*DECIDERS)]) -> PersonAnswer:
    """Erases a person. Places on teams and every count stay; the id never gets a name again. Again: nothing more."""
    return await _erase(service, member_id, caller)


async def _erase(service: Svc, member_id: str, caller: Caller) -> PersonAnswer:
    async def work(conn: Conn, now: datetime) -> Decision:
        await may_reach(conn, service, caller, member_id, now)
        erased = await vault.erase(conn, caller, member_id, Why.ERASURE, now)
        return Decision(
            {"member_id": member_id}, [PersonErased(occurred_at=now, member_id=member_id)] if erased else []
        )

    done = await service.commands.execute("erase_person", work, by=caller)
    return PersonAnswer(**done.answer, pos=done.pos)
