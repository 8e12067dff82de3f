"""POST /organisations/{organisation_id}/changes: another name, group or parent from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import organisation
from services.registry.register_organisation import ROLES, OrganisationAnswer, Sector
from services.registry.store import organisations
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, Id, IdempotencyKey, Name, allow, router, who

routes = router("organisations")


class ChangeOrganisation(Body):
    """The organisation as it is from the day on: all of it, what stays included."""

    name: Name
    sector: Sector
    parent_id: Id | None = Field(description="The group or organisation that it stands below; null for none.")
    effective_on: Day = Field(description="First day. The day of the last change again: that change is replaced.")


@routes.post("/organisations/{organisation_id}/changes", openapi_extra=who(ROLES, "the whole province"))
async def change_organisation(
    service: Svc,
    organisation_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: ChangeOrganisation,
    caller: Annotated[Caller, allow(*ROLES)],
    idempotency_key: IdempotencyKey = None,
) -> OrganisationAnswer:
    """Renames an organisation or puts it below another one. The days before stay as they were."""
    caller.must_cover([service.province], field="organisation_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        await organisations.lock_tree(conn)
        wish = organisation.Change(organisation_id, **body.model_dump())
        state, event = organisation.change(await organisations.tree(conn), wish, now)
        await organisations.save_state(conn, state)
        return Decision({"organisation_id": organisation_id}, [event])

    content = {"organisation": organisation_id, **body.model_dump()}
    done = await service.commands.execute("change_organisation", work, by=caller, key=idempotency_key, body=content)
    return OrganisationAnswer(**done.answer, pos=done.pos)
