"""Peer: the least that FastAPI can do with the same body: two inserts in one transaction, and an answer.

No token, no rules, no roster, no receipt, no position: what our command path adds is measured against this.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel
from starlette.applications import Starlette

from phongtrao.serving import bind, serving
from shared import db
from shared.contracts.outreach import Place
from shared.db import Pool
from tests.bench.program import Answer, main


class Citizen(BaseModel):
    """Who was guided."""

    phone: str


class Guidance(BaseModel):
    """The body of one guidance."""

    member_id: str
    occurred_at: AwareDatetime
    citizen: Citizen
    topics: list[str]
    place: Place


class Answered(BaseModel):
    """What is answered."""

    guidance_id: str


class Store:
    """The pool, once there is one."""

    pool: Pool


store, app = Store(), FastAPI()


@app.put("/campaigns/{campaign_id}/guidances/{guidance_id}", status_code=201)
async def record(campaign_id: str, guidance_id: str, body: Guidance) -> Answered:
    """The row and the event."""
    now = datetime.now(UTC)
    ref = hashlib.sha256(body.citizen.phone.encode()).hexdigest()[:22]
    async with store.pool.acquire() as conn, conn.transaction():
        await conn.execute(
            "insert into guidance (guidance_id, digest, campaign_id, member_id, team_id, citizen_ref, topics, place,"
            " unit_id, occurred_at, recorded_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            guidance_id, ref, campaign_id, body.member_id, "team", ref, body.topics, body.place, "unit",
            body.occurred_at, now,
        )  # fmt: skip
        await conn.execute(
            "insert into stage (event_id, type, subject, key, occurred_at, recorded_at, payload)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            str(uuid.uuid4()), "vn.cds.outreach.citizen_guided.v1", "cds.51.outreach.citizen_guided.533.21400",
            guidance_id, body.occurred_at, now, body.model_dump_json(),
        )  # fmt: skip
    return Answered(guidance_id=guidance_id)


async def work(dsn: str, port: int) -> Answer:
    """Serves until SIGTERM, with the uvicorn and the pool that ours have."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        store.pool = await db.open_pool(dsn, size=16)
        yield
        await store.pool.close()

    app.router.lifespan_context = lifespan
    async with serving(app, bind("127.0.0.1", port)):
        await asyncio.Event().wait()
    return {}


if __name__ == "__main__":
    main(work)
