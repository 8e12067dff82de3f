"""POST /editions/{edition}: brings an edition of administrative units into force. Only bundled, reviewed editions
load."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import store, unit
from shared import errors, problems
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, allow, router, who

routes = router("units")
ROLES = (Role.OPERATOR, Role.PROVINCE_OFFICER)
EDITION = problems.pattern(r"^[0-9]{4}(-[0-9]{2})?$", "dạng 2023 hoặc 2025-07", "has the form 2023 or 2025-07")
DATA = FilePath(__file__).parent / "data"


class EditionLoaded(Answer):
    """What loading did."""

    edition: str
    established: int = Field(description="Units brought into force now; 0 when the edition was loaded before.")


def read(edition: str) -> list[unit.Unit]:
    """The units of a bundled edition. Raises 404 for one that is not bundled."""
    file = DATA / edition / "units.csv"
    if not file.is_file():
        raise errors.not_found(
            "no_such_edition",
            "edition",
            f"Không có bản đồ hành chính «{edition}». Các bản có sẵn: {', '.join(bundled())}.",
            f"There is no edition «{edition}». Bundled: {', '.join(bundled())}.",
        )
    with file.open(encoding="utf-8", newline="") as rows:
        return unit.read_edition(csv.DictReader(rows), edition)


def bundled() -> list[str]:
    """Editions that this release carries."""
    return sorted(f.parent.name for f in DATA.glob("*/units.csv"))


@routes.post("/editions/{edition}", status_code=201, openapi_extra=who(ROLES, "the whole province"))
async def load_edition(
    service: Svc,
    edition: Annotated[str, Path(pattern=EDITION, examples=["2023"])],
    caller: Annotated[Caller, allow(*ROLES)],
) -> EditionLoaded:
    """Loads an edition. Loading it again changes nothing and answers with `established: 0`."""
    caller.must_cover([service.province], field="edition")
    units = read(edition)

    async def work(conn: Conn, _: datetime) -> Decision:
        await store.lock_editions(conn)
        events = unit.load(units, await store.editions(conn), edition)
        if events:
            await store.save_units(conn, units)
        return Decision({"edition": edition, "established": len(events)}, events)

    done = await service.commands.execute("load_edition", work)
    return EditionLoaded(**done.answer, pos=done.pos)
