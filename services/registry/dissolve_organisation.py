"""POST /organisations/{organisation_id}/dissolve: an organisation ends; another one may follow it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import organisation
from services.registry.register_organisation import ROLES, OrganisationAnswer
from services.registry.store import organisations
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, allow, router, who

routes = router("organisations")


class DissolveOrganisation(Body):
    """How an organisation ends."""

    last_day: Day
    successor_id: Id | None = Field(
        None, description="Who follows it: what stands below passes to it. Needed where something stands below."
    )


class DissolvedAnswer(OrganisationAnswer):
    """A dissolved organisation."""

    moved: int = Field(description="Organisations below it that passed to the successor.")


@routes.post("/organisations/{organisation_id}/dissolve", openapi_extra=who(ROLES, "the whole province"))
async def dissolve_organisation(
    service: Svc,
    organisation_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: DissolveOrganisation,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> DissolvedAnswer:
    """Ends an organisation. Its people, results and headcounts until the last day stay."""
    caller.must_cover([service.province], field="organisation_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        await organisations.lock_tree(conn)
        tree = await organisations.tree(conn)
        done = organisation.dissolve(tree, organisation_id, body.last_day, body.successor_id, now)
        for state in (done.ended, *done.moved):
            await organisations.save_state(conn, state)
        await organisations.save_end(conn, organisation_id, body.last_day, body.successor_id)
        return Decision({"organisation_id": organisation_id, "moved": len(done.moved)}, done.events)

    content = {"organisation": organisation_id, **body.model_dump()}
    done = await service.commands.execute("dissolve_organisation", work, by=caller, key=idempotency_key, body=content)
    return DissolvedAnswer(**done.answer, pos=done.pos)
