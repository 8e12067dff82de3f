"""Where a service stands: how much is not yet numbered, not yet on the stream, not yet folded. Ready means: it
moves."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from shared import bus, event_log
from shared.db import INFRASTRUCTURE_ERRORS
from shared.divergence import Source, divergence
from shared.projection import store
from shared.projection.store import Health
from shared.service import Service

STALE_CHECK = 10.0
"""Seconds after which a projector that notes nothing counts as dead."""


class Standing(NamedTuple):
    """Progress of one service; lags are events, ages seconds."""

    service: str
    ready: bool
    reasons: list[str]
    log_pos: int | None
    stream_seq: int | None
    follows: list[Health]
    parked: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON for `readyz` and `phongtrao status`."""
        return {**self._asdict(), "follows": [h._asdict() for h in self.follows]}


async def of(service: Service) -> Standing:
    """Looks at database and stream; whatever cannot be reached is a reason not to be ready."""
    reasons: list[str] = []
    log_pos, stream_seq, follows, parked = None, None, [], 0
    try:
        async with asyncio.timeout(5), service.pool.acquire() as conn:
            if service.spec.publishes:
                log_pos = await event_log.last_pos(conn)
                oldest = await event_log.oldest_staged_age(conn)
                if oldest > service.settings.ready_lag_seconds:
                    reasons.append(f"events wait {oldest:.0f} s for their position; is a relay running?")
            if service.spec.projections:
                follows, parked = await store.health(conn), await store.count_parked(conn)
    except (*INFRASTRUCTURE_ERRORS, AttributeError) as error:
        reasons.append(f"database: {type(error).__name__}")
    if service.spec.publishes and log_pos is not None:
        stream_seq = await _stream_seq(service, reasons)
        if stream_seq is not None:
            await _judge_relay(service, stream_seq, reasons)
    reasons += _judge_follows(service, follows)
    reasons += [f"{worker} has died; its log line is worker_died" for worker in service.dead_workers]
    return Standing(service.name, not reasons, reasons, log_pos, stream_seq, follows, parked)


async def _stream_seq(service: Service, reasons: list[str]) -> int | None:
    try:
        state = await bus.stream_state(service.client, service.name, service.province)
    except bus.NATS_ERRORS as error:
        reasons.append(f"stream: {type(error).__name__}")
        return None
    return int(state["last_seq"]) if state else 0


async def _judge_relay(service: Service, stream_seq: int, reasons: list[str]) -> None:
    """A stream that is no copy of the log, or one that lags too long."""
    source = Source(service.name, service.province)
    try:
        async with asyncio.timeout(5), service.pool.acquire() as conn:
            trouble = await divergence(conn, service.client, source, stream_seq)
            age = await event_log.age_of(conn, stream_seq + 1)
    except (*INFRASTRUCTURE_ERRORS, *bus.NATS_ERRORS) as error:
        reasons.append(f"database or stream: {type(error).__name__}")
        return
    if trouble:
        reasons.append(trouble)
    elif age > service.settings.ready_lag_seconds:
        reasons.append(f"events wait {age:.0f} s for the stream")


def _judge_follows(service: Service, follows: list[Health]) -> list[str]:
    """A stream that is not followed at all, one that lags too long, a projector that notes nothing any more."""
    known = {h.stream for h in follows}
    reasons = [f"{s}: not followed yet" for s in service.spec.follows if s not in known]
    limit = service.settings.ready_lag_seconds
    for health in follows:
        if health.checked_age > STALE_CHECK:
            reasons.append(f"{health.stream}: the projector noted nothing for {health.checked_age:.0f} s")
        elif health.state == "stopped":
            reasons.append(f"{health.stream}: the projection stopped; see phongtrao parked list")
        elif health.caught_up_age > limit:
            behind = max(health.last_seq - health.pos, 0)
            reasons.append(f"{health.stream}: {health.state}, {behind} events behind, for {health.caught_up_age:.0f} s")
    return reasons
