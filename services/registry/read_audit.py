"""GET /audit: who read or wrote whose data, what of it, why and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.person import Action, Why
from services.registry.store import accesses as store
from services.registry.store.accesses import Wanted
from shared import problems
from shared.auth import Caller, Role
from shared.clock import start_of_day
from shared.deps import Svc
from shared.http import ID_PATTERN, Day, Page, allow, router, who

routes = router("people")
ROLES = (Role.OPERATOR, Role.PROVINCE_OFFICER)
_NUMBER = problems.pattern(r"^[0-9]{1,18}$", "là «next» của trang trước", "is the `next` of the page before")
_SUBJECT = problems.pattern(
    r"^[^\x00-\x1f\x7f]{1,200}$",
    "dài 1 đến 200 ký tự, không có ký tự điều khiển",
    "1 to 200 characters, none of control",
)
_LAST = 2**62


class AccessView(BaseModel):
    """One access to one person's data."""

    access_id: str
    at: datetime
    subject: str = Field(description="Who it was, as the issuer of the token names people.")
    roles: list[str]
    member_id: str = Field(description="Whose data; a pseudonym.")
    action: Action
    fields: list[str] = Field(description="Names of the fields, never what they say.")
    why: Why
    trace: str = Field(description="W3C traceparent of the request.")


class Asked(BaseModel):
    """Filters of the record."""

    member_id: Annotated[str | None, Field(pattern=ID_PATTERN)] = None
    subject: Annotated[str | None, Field(pattern=_SUBJECT)] = None
    action: Action | None = None
    why: Why | None = None
    since: Day | None = None
    until: Annotated[Day | None, Field(description="Last day, included.")] = None
    after: Annotated[str | None, Field(pattern=_NUMBER, description="`next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=500, description="Most items in the answer.")] = 200

    def wanted(self) -> Wanted:
        """What the store is asked."""
        since = start_of_day(self.since) if self.since else None
        until = start_of_day(self.until + timedelta(days=1)) if self.until else None
        return Wanted(self.member_id, self.subject, self.action, self.why, since, until)


@routes.get("/audit", openapi_extra=who(ROLES, "the whole province"))
async def read_audit(
    service: Svc, asked: Annotated[Asked, Query()], caller: Annotated[Caller, allow(*ROLES)]
) -> Page[AccessView]:
    """Accesses to people's data, the newest first."""
    caller.must_cover([service.province], field="Authorization")
    async with service.pool.acquire() as conn:
        before = int(asked.after) if asked.after else _LAST
        rows = await store.accesses(conn, asked.wanted(), before=before, limit=asked.limit)
        total = await store.count_accesses(conn, asked.wanted())
    items = [AccessView(**{**r._asdict(), "access_id": str(r.access_id)}) for r in rows]
    return Page(items=items, total=total, next=items[-1].access_id if len(items) == asked.limit else None)
