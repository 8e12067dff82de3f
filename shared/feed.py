"""GET /events: the log over HTTP, for those who cannot reach NATS. The same events at the same positions."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from shared import event_log
from shared.auth import Caller, Role
from shared.deps import Svc
from shared.http import allow, router, who

routes = router("events")
ROLES = (Role.OPERATOR, Role.PARTNER)


class FeedEvent(BaseModel):
    """An event as CloudEvents JSON, with its position."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime = Field(description="When it happened in the world.")
    datacontenttype: str = "application/json"
    pos: int = Field(description="Position in the log = sequence in the stream.")
    recordedat: datetime = Field(description="When it entered the log.")
    data: dict[str, Any]


class Feed(BaseModel):
    """Events in order. Ask again with `after` = `last`."""

    events: list[FeedEvent]
    last: int = Field(description="Position of the last event here; `after` itself when there is none.")


@routes.get("/events", openapi_extra=who(ROLES, "the whole province"))
async def read_events(
    service: Svc,
    caller: Annotated[Caller, allow(*ROLES)],
    after: Annotated[int, Query(ge=0, le=2**53, description="Position after which to begin.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> Feed:
    """Events after a position, in order."""
    caller.must_cover([service.province], field="after")
    async with service.pool.acquire() as conn:
        rows = await event_log.read(conn, after=after, limit=limit)
    source = f"/cds/{service.province}/{service.name}"
    events = [
        FeedEvent(
            id=r.event_id, source=source, type=r.type, subject=r.key, time=r.occurred_at, pos=r.pos,
            recordedat=r.recorded_at, data=json.loads(r.payload),
        )
        for r in rows
    ]  # fmt: skip
    return Feed(events=events, last=rows[-1].pos if rows else after)
