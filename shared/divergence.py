"""Whether a stream is still a copy of its service's log."""

from __future__ import annotations

from typing import NamedTuple

from shared import bus, event_log
from shared.db import Conn
from shared.wire import StreamClient


class Diverged(RuntimeError):
    """The stream holds what the log does not: someone else wrote to it, or the database is an older copy of itself.

    Nothing is published until an operator has compared the two; see docs/operations.md.
    """


class Source(NamedTuple):
    """Whose events these are."""

    service: str
    province: str


async def divergence(conn: Conn, client: StreamClient, source: Source, last: int) -> str | None:
    """Why the stream, which ends at `last`, is no copy of this log up to there; None when nothing speaks against it."""
    if last == 0:
        return None
    rows = await event_log.read(conn, after=last - 1, limit=1)
    if not rows:
        return f"the stream is at {last}, the log is not; is the database an older copy of itself?"
    stored = await bus.event_id_at(client, source.service, source.province, last)
    if stored is not None and stored != rows[0].event_id:
        return f"the stream holds event {stored} at {last}, the log has {rows[0].event_id}"
    return None
