"""POST /editions/{edition}: brings the first edition of administrative units into force. The later ones come as
reforms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import editions, unit
from services.registry.store import units
from shared import problems
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, allow, router, who

routes = router("units")
ROLES = (Role.OPERATOR, Role.PROVINCE_OFFICER)
EDITION = problems.pattern(r"^[0-9]{4}(-[0-9]{2})?$", "dạng 2023 hoặc 2025-07", "has the form 2023 or 2025-07")

read = editions.units


class EditionLoaded(Answer):
    """What loading did."""

    edition: str
    established: int = Field(description="Units brought into force now; 0 when the edition was loaded before.")


@routes.post("/editions/{edition}", status_code=201, openapi_extra=who(ROLES, "the whole province"))
async def load_edition(
    service: Svc,
    edition: Annotated[str, Path(pattern=EDITION, examples=["2023"])],
    caller: Annotated[Caller, allow(*ROLES)],
) -> EditionLoaded:
    """Loads the first edition; the next ones come by `POST /registry/reforms`. Loading it again changes nothing and
    answers with `established: 0`."""
    caller.must_cover([service.province], field="edition")
    brought = editions.units(edition)

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        events = unit.load(brought, await units.editions(conn), edition, first=editions.bundled()[0])
        if events:
            await units.save_states(conn, brought, known_from=now)
        return Decision({"edition": edition, "established": len(events)}, events)

    done = await service.commands.execute("load_edition", work, by=caller)
    return EditionLoaded(**done.answer, pos=done.pos)
