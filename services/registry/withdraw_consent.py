"""POST /members/{member_id}/withdraw: the legal basis for a person's data is withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path

from services.registry import vault
from services.registry.person import Why
from services.registry.person_access import DECIDERS, DECIDERS_SCOPE, PersonAnswer, may_reach
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, allow, router, who

routes = router("people")


@routes.post("/members/{member_id}/withdraw", openapi_extra=who(DECIDERS, DECIDERS_SCOPE))
async def withdraw_consent(
    service: Svc,
    member_id: Annotated[str, Path(pattern=ID_PATTERN, description="Of a member or of a contact.")],
    caller: Annotated[Caller, allow(*DECIDERS)],
) -> PersonAnswer:
    """From now on the data is read for a legal duty only. Every count and every place stays. Again: nothing more."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await may_reach(conn, service, caller, member_id, now)
        await vault.withdraw(conn, caller, member_id, Why.WITHDRAWAL, now)
        return Decision({"member_id": member_id})

    done = await service.commands.execute("withdraw_consent", work, by=caller)
    return PersonAnswer(**done.answer, pos=done.pos)
