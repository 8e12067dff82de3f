"""Commands: state and events in one transaction, the same command twice answered once (invariant 1)."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from shared import event_log, faults, receipts
from shared.auth import Caller
from shared.cancellation import heed_cancellation
from shared.clock import Clock
from shared.contracts import Event
from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool
from shared.errors import Problem
from shared.ids import NewId
from shared.receipts import Key, Receipt
from shared.telemetry import logger

log = logger(__name__)

POSITION_WAIT = 2.0
"""Seconds that an answer waits for its position. The command is committed either way; without one, `pos` is null."""


COALESCE = 0.001
"""Seconds within which many committed commands wake the relay once."""
AT_WORK = 0.003
"""Seconds after a notice within which the sequencer looks again by itself."""


class Decision(NamedTuple):
    """What a use case decided: what to answer and what happened."""

    answer: dict[str, Any]
    events: Sequence[Event] = ()
    traces: Sequence[str] = ()
    """`traceparent` of each event, where they come from several requests; otherwise the current request's."""


Work = Callable[[Conn, datetime], Awaitable[Decision]]
"""Loads, decides, saves; gets the transaction's connection and the time. Must not append events itself."""


class Outcome(NamedTuple):
    """A committed command. `pos` is `stream:position` of its last event, for `min_pos` of a later read."""

    answer: dict[str, Any]
    pos: str | None
    replayed: bool


class Committed(NamedTuple):
    """A committed command whose position nobody has asked for yet."""

    answer: dict[str, Any]
    stage_ids: Sequence[int]
    """Of its events, in their order; of a replayed command the last one's only."""
    replayed: bool


class Commands:
    """Runs the commands of one service."""

    def __init__(
        self, pool: Pool, positions: Positions, *, service: str, province: str, clock: Clock, new_id: NewId
    ) -> None:
        self._pool, self._positions = pool, positions
        self._service, self._province, self._clock, self._new_id = service, province, clock, new_id

    async def execute(
        self,
        command: str,
        work: Work,
        *,
        by: Caller,
        key: str | None = None,
        body: object = None,
        field: str = "Idempotency-Key",
    ) -> Outcome:
        """Runs `work` and appends its events, in one transaction; then waits briefly for their position.

        With a `key` (a client-made id or an Idempotency-Key) the command happens once: the same body again gets the
        first answer, another body 409, which names `field`, where the key came from. A refusal leaves nothing behind,
        so a corrected body may use the same key. Whoever may not do the command is refused as if it were the first
        time: the answer is not for everybody who knows the key.
        """
        once = receipts.key_of(command, key, by, body=body, field=field) if key else None
        done = await self.commit(work, once=once)
        pos = await self.position(done.stage_ids[-1]) if done.stage_ids else None
        return Outcome(done.answer, pos, done.replayed)

    async def commit(self, work: Work, *, once: Key | None = None) -> Committed:
        """The same without waiting for a position."""
        async with self._pool.acquire() as conn, conn.transaction():
            earlier = await receipts.claim(conn, once) if once else None
            now = self._clock()
            if once and earlier:
                answer, stage_id = await _again(conn, once, earlier, partial(work, conn, now))
                stage_ids = [stage_id] if stage_id else []
            else:
                decision = await work(conn, now)
                stage_ids = await self._append(conn, decision, now)
                answer = decision.answer
                if once:
                    await receipts.settle(conn, once, answer, stage_ids[-1] if stage_ids else None)
            faults.point("command.before_commit")
        faults.point("command.after_commit")
        return Committed(answer, stage_ids, earlier is not None)

    async def position(self, stage_id: int) -> str | None:
        """`stream:position` of a committed event; None when it does not get one soon."""
        pos = await self._positions.of(stage_id)
        return f"{self._service}:{pos}" if pos else None

    async def _append(self, conn: Conn, decision: Decision, now: datetime) -> list[int]:
        events, traces = decision.events, decision.traces
        if not events:
            return []
        return await event_log.append(
            conn, events, province=self._province, recorded_at=now, new_id=self._new_id, traces=traces
        )


class _Tried(Exception):
    """Ends a trial that went well."""


async def _again(
    conn: Conn, key: Key, earlier: Receipt, work: Callable[[], Awaitable[object]]
) -> tuple[dict[str, Any], int | None]:
    """The first answer and the last event's id, for somebody who may do the command.

    Who comes with the rights with which it was taken needs no look. Anybody else tries to do it, which is then undone:
    refused for want of rights, it is refused here too, and for any other reason where it is not the sender who asks.
    """
    if receipts.has_same_rights(key, earlier):
        return receipts.answer_to(key, earlier)
    refusal = await _tried(conn, work)
    if refusal and refusal.status == 403:
        raise refusal
    answer = receipts.answer_to(key, earlier)
    if refusal and not receipts.is_sender(key, earlier):
        raise refusal
    return answer


async def _tried(conn: Conn, work: Callable[[], Awaitable[object]]) -> Problem | None:
    """What doing it would be refused with now. Nothing of it stays."""
    try:
        async with conn.transaction():
            await work()
            raise _Tried
    except _Tried:
        return None
    except Problem as refusal:
        return refusal


class Positions:
    """Tells a command which position its event got, and tells the relay that there is something to do.

    Notices of the sequencer come in over a connection of its own; coalesced wake-ups go out over the same, or straight
    to the relay where the active one runs in this process. A notice in each command's transaction would serialise all
    commits on Postgres' notify lock; a lost wake-up costs one poll.
    """

    def __init__(self, dsn: str, pool: Pool, *, wake_relay: Callable[[], bool] | None = None) -> None:
        self._dsn, self._pool, self._wake_relay = dsn, pool, wake_relay
        self._recent: OrderedDict[int, int] = OrderedDict()
        self._waiting: dict[int, list[asyncio.Future[int | None]]] = {}
        self._wake = asyncio.Event()
        self._told = 0.0  # when the last notice came

    async def run(self) -> None:
        """Listens and wakes until cancelled; connects again when Postgres was away."""
        while True:
            try:
                await self._serve()
            except INFRASTRUCTURE_ERRORS as error:
                log.warning("positions_lost_database", reason=str(error) or type(error).__name__)
                heed_cancellation()
            await asyncio.sleep(0.2)

    async def _serve(self) -> None:
        conn = await asyncpg.connect(self._dsn)
        try:
            await conn.add_listener(event_log.SEQUENCED, self._on_sequenced)
            while True:
                await self._wake.wait()
                self._wake.clear()
                if await self._is_at_work():
                    continue
                if not (self._wake_relay and self._wake_relay()):
                    await conn.execute("select pg_notify($1, '')", event_log.STAGED)
                await asyncio.sleep(COALESCE)
        finally:
            with suppress(*INFRASTRUCTURE_ERRORS):
                await conn.close(timeout=1)

    async def _is_at_work(self) -> bool:
        """Whether the sequencer comes by itself: under load each wake-up is a round trip for nothing."""
        loop, longest = asyncio.get_running_loop(), next(iter(self._waiting), None)
        if loop.time() - self._told > AT_WORK:
            return False
        await asyncio.sleep(AT_WORK)
        return longest not in self._waiting  # who came meanwhile has set the event again

    def _on_sequenced(self, _conn: object, _pid: int, _channel: str, payload: object) -> None:
        self._told = asyncio.get_running_loop().time()
        for first_stage, first_pos, count in json.loads(str(payload)):
            for offset in range(count):
                self._resolve(first_stage + offset, first_pos + offset)
        while len(self._recent) > 20_000:
            self._recent.popitem(last=False)

    def _resolve(self, stage_id: int, pos: int) -> None:
        self._recent[stage_id] = pos
        for future in self._waiting.pop(stage_id, []):
            if not future.done():
                future.set_result(pos)

    async def of(self, stage_id: int) -> int | None:
        """The position of a committed event; None when it did not get one within POSITION_WAIT."""
        self._wake.set()
        if stage_id in self._recent:
            return self._recent[stage_id]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int | None] = loop.create_future()
        waiting = self._waiting.setdefault(stage_id, [])  # the same command twice at once: both wait for one position
        waiting.append(future)
        patience = loop.call_later(POSITION_WAIT / 8, _give_up, future)  # a timeout's task costs more than the rest
        try:
            pos = await future
        finally:
            patience.cancel()
            waiting.remove(future)
            if not waiting:
                self._waiting.pop(stage_id, None)
        return await self._ask(stage_id) if pos is None else pos

    async def _ask(self, stage_id: int) -> int | None:
        """The notice was lost or the relay is elsewhere: looks at the log itself."""
        deadline = asyncio.get_running_loop().time() + POSITION_WAIT
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with self._pool.acquire() as conn:
                    found = await event_log.positions(conn, [stage_id])
            except INFRASTRUCTURE_ERRORS:
                return None  # committed all the same
            if stage_id in found:
                return found[stage_id]
            await asyncio.sleep(0.1)
        return None


def _give_up(future: asyncio.Future[int | None]) -> None:
    if not future.done():
        future.set_result(None)
