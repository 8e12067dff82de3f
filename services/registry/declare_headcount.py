"""POST /organisations/{organisation_id}/headcounts: how many people an organisation has from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import organisation
from services.registry.register_organisation import ROLES, Headcount, OrganisationAnswer
from services.registry.store import organisations
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, IdempotencyKey, allow, router, who

routes = router("organisations")


class DeclareHeadcount(Body):
    """A headcount and its first day."""

    headcount: Headcount = Field(description="Its own people, without those of the organisations below it.")
    valid_from: Day = Field(description="First day. A day that has a headcount already: that one is replaced.")


@routes.post(
    "/organisations/{organisation_id}/headcounts", status_code=201, openapi_extra=who(ROLES, "the whole province")
)
async def declare_headcount(
    service: Svc,
    organisation_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: DeclareHeadcount,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> OrganisationAnswer:
    """Declares the denominator that holds from that day until the next one."""
    caller.must_cover([service.province], field="organisation_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        await organisations.lock_tree(conn)
        states = await organisations.states(conn, organisation_id)
        event = organisation.declare(states, organisation_id, body.headcount, body.valid_from, now)
        await organisations.save_headcount(conn, organisation_id, body.headcount, body.valid_from)
        return Decision({"organisation_id": organisation_id}, [event])

    content = {"organisation": organisation_id, **body.model_dump()}
    done = await service.commands.execute("declare_headcount", work, by=caller, key=idempotency_key, body=content)
    return OrganisationAnswer(**done.answer, pos=done.pos)
