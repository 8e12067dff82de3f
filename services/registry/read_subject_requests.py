"""GET /subject-requests: what people asked for about the own data, and by when each must be answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.answer_subject_request import Outcome
from services.registry.file_subject_request import Kind
from services.registry.store import requests as store
from services.registry.store.requests import Request, Wanted
from shared import errors, problems
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.deps import Svc
from shared.http import ID_PATTERN, Limit, Page, allow, router, who

routes = router("people")
ROLES = (*OFFICERS, Role.MEMBER)
_CURSOR = problems.pattern(
    r"^[0-9]{1,18}\.[0-9A-Za-z_-]{1,64}$", "là «next» của trang trước", "is the `next` of the page before"
)
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "")
State = Annotated[
    Literal["open", "late", "answered"] | None,
    Query(description="`late`: not answered in time, whether answered later or still open. Without it: all."),
]


class RequestView(BaseModel):
    """A request and its clock."""

    request_id: str
    member_id: str
    kind: Kind
    received_at: datetime
    due_at: datetime = Field(description="To be answered before this moment.")
    answered_at: datetime | None
    outcome: Outcome | None
    late: bool


@routes.get(
    "/subject-requests",
    openapi_extra=who(ROLES, "officers: people with a place in the caller's units; a member: the own requests"),
)
async def list_subject_requests(
    service: Svc,
    caller: Annotated[Caller, allow(*ROLES)],
    state: State = None,
    member_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    after: Annotated[str | None, Query(pattern=_CURSOR, description="`next` of the page before.")] = None,
    limit: Limit = 200,
) -> Page[RequestView]:
    """Requests, those due first before the others."""
    now = service.clock()
    late_at = now if state == "late" else None
    answered = {"open": False, "answered": True}.get(state or "")
    whose, within = _scope(caller, member_id, service.province)
    wanted = Wanted(whose, answered, late_at, within, local_day(now))
    async with service.pool.acquire() as conn:
        rows = await store.requests(conn, wanted, after=_position(after), limit=limit)
        total = await store.count_requests(conn, wanted)
    items = [view(r, now) for r in rows]
    return Page(items=items, total=total, next=_cursor(rows[-1]) if len(rows) == limit else None)


def _scope(caller: Caller, member_id: str | None, province: str) -> tuple[str | None, list[str] | None]:
    """Whose requests, and of which units (None: of all): officers those of their units, others the own ones."""
    if caller.has(*OFFICERS):
        return member_id, None if province in caller.units else list(caller.units)
    if caller.member_id is None or member_id not in {None, caller.member_id}:
        raise errors.forbidden(
            "not_your_requests",
            "member_id",
            "Bạn chỉ xem được yêu cầu của mình.",
            "You may see your own requests only.",
        )
    return caller.member_id, None


def view(row: Request, now: datetime) -> RequestView:
    """A request as it stands now."""
    return RequestView(**row._asdict(), late=row.due_at <= (row.answered_at or now))


def _cursor(row: Request) -> str:
    return f"{int(row.due_at.timestamp())}.{row.request_id}"


def _position(after: str | None) -> tuple[datetime, str]:
    if after is None:
        return _FIRST
    second, _, request_id = after.partition(".")
    return datetime.fromtimestamp(min(int(second), 4_000_000_000), UTC), request_id
