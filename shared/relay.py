"""The relay: gives committed events their positions and copies the log to the stream, where sequence = position.

What was published is read from the stream itself, never from a column of ours, so nothing can be remembered wrongly: a
lost tail or a deleted stream is refilled with the same events at the same numbers. A batch is atomic (ADR-50) and its
first message says which sequence must come before it; a second relay, or an answer that never came, cannot harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from urllib.parse import quote

import asyncpg

from shared import bus, event_log, faults, telemetry
from shared.cancellation import heed_cancellation
from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool
from shared.divergence import Diverged, Source, divergence
from shared.event_log import LogRow
from shared.ids import new_id
from shared.leader import leadership, tidying
from shared.telemetry import logger
from shared.wire import ApiError, Replies, StreamClient, hpub

log = logger(__name__)

LEADER_LOCK = 0x72656C61
"""Advisory lock of the one active relay of a database."""
ATOMIC_LIMIT = 1000
"""Messages in an atomic batch; the server's own limit."""
ATOMIC_BYTES = 4 * 1024 * 1024
"""Payload of an atomic batch, so that a batch of large events is acknowledged in time."""
READ_AHEAD = 4
"""Atomic batches read from the log at once and published one behind the other."""
SEQUENCE_PACE, PUBLISH_PACE = 0.002, 0.03
"""Least seconds from one look at what was staged, or sequenced, to the next, once all that was there is taken. Each
costs a wait for the disk, which commands need too; what comes alone is taken at once."""
TIDY_AFTER = 5_000
"""Events that got their position until their rows of the stage are cleared away: each look goes past them, and
autovacuum comes once a minute."""
SLOWLY = 1.0
"""Seconds before another try after what time alone will not heal."""
IDLE_CHECK = 1.0
"""Seconds after which an idle relay looks at the stream again, to notice a lost tail."""


def header_block(row: LogRow, source: Source, batch: str = "") -> bytes:
    """CloudEvents 1.0 attributes as NATS headers (binary mode), with `ce-pos`, `ce-recordedat` and the trace."""
    name = row.type.removeprefix("vn.cds.")
    return (
        "NATS/1.0\r\n"
        "ce-specversion: 1.0\r\n"
        f"ce-id: {row.event_id}\r\n"
        f"ce-source: /cds/{source.province}/{source.service}\r\n"
        f"ce-type: {row.type}\r\n"
        f"ce-time: {_iso(row.occurred_at)}\r\n"
        f"ce-subject: {header_value(row.key)}\r\n"
        f"ce-dataschema: urn:cds:schema:{name}\r\n"
        "ce-datacontenttype: application/json\r\n"
        f"ce-pos: {row.pos}\r\n"
        f"ce-recordedat: {_iso(row.recorded_at)}\r\n"
        f"{'traceparent: ' + row.trace + chr(13) + chr(10) if row.trace else ''}"
        f"{batch}"
        "\r\n"
    ).encode()


def header_value(text: str) -> str:
    """Percent-encoded as CloudEvents asks for, where a header could not carry the text as it is."""
    return text if text.isascii() and text.isprintable() and "%" not in text else quote(text, safe=" :/")


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def batch_commands(rows: list[LogRow], source: Source, *, expected_last: int, reply: str) -> bytes:
    """The batch as `HPUB` commands: committed by its last message or not at all, and only after `expected_last`."""
    if len(rows) == 1:
        only = f"Nats-Expected-Last-Sequence: {expected_last}\r\n"
        return hpub(rows[0].subject, header_block(rows[0], source, only), rows[0].payload.encode(), reply)
    batch_id = new_id()  # one for each try: two tries must never mix in the server's staging area
    parts = []
    for number, row in enumerate(rows, 1):
        extra = f"Nats-Batch-Id: {batch_id}\r\nNats-Batch-Sequence: {number}\r\n"
        if number == 1:
            extra += f"Nats-Expected-Last-Sequence: {expected_last}\r\n"
        if number == len(rows):
            extra += "Nats-Batch-Commit: 1\r\n"
        answer_to = reply if number == len(rows) else ""
        parts.append(hpub(row.subject, header_block(row, source, extra), row.payload.encode(), answer_to))
    return b"".join(parts)


def cut(rows: list[LogRow]) -> Iterator[list[LogRow]]:
    """The rows as atomic batches: at most ATOMIC_LIMIT of them, and about ATOMIC_BYTES."""
    batch: list[LogRow] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == ATOMIC_LIMIT or size + len(row.payload) > ATOMIC_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row.payload)
    if batch:
        yield batch


class Relay:
    """Sequencer and publisher of one service. `run()` waits for leadership, works, and begins anew after any doubt."""

    def __init__(
        self,
        pool: Pool,
        client: StreamClient,
        source: Source,
        *,
        replicas: int = 1,
        poll: float = 0.25,
        ack_timeout: float = 5.0,
    ) -> None:
        self._pool, self._client, self._source = pool, client, source
        self._replicas, self._poll, self._ack_timeout = replicas, poll, ack_timeout
        self._replies = Replies(client)
        self._staged = asyncio.Event()
        self._sequenced = asyncio.Event()
        self._untidy = asyncio.Event()
        self._leading = False
        self._last: int | None = None  # the stream's last sequence as we know it; None: ask the stream

    def wake(self) -> bool:
        """Says that something was staged; without it the relay looks every `poll` seconds. False: another one leads."""
        self._staged.set()
        return self._leading

    async def run(self) -> None:
        """Works until cancelled. Losing Postgres or NATS is waited out, anything else logged and tried again slowly."""
        await self._replies.open()
        while True:
            pause = self._poll
            try:
                async with self._leadership() as conn, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._publish_for_ever())
                    tasks.create_task(self._tidy_for_ever())
                    await self._sequence_for_ever(conn)  # in the body: see `heed_cancellation`
            except* INFRASTRUCTURE_ERRORS as group:
                log.warning("relay_lost_database", service=self._source.service, reason=telemetry.reason_of(group))
            except* asyncpg.UniqueViolationError as group:
                log.warning(
                    "relay_met_another_sequencer", service=self._source.service, reason=telemetry.reason_of(group)
                )
            except* Exception as group:
                log.error("relay_failed", service=self._source.service, exc_info=group)
                pause = SLOWLY
            heed_cancellation()
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def _leadership(self) -> AsyncIterator[Conn]:
        """A connection that holds the leader's lock, and is told of staged events."""
        async with leadership(self._pool, LEADER_LOCK, poll=self._poll) as conn:
            try:
                await conn.add_listener(event_log.STAGED, self._on_staged)
                await event_log.ready_to_sequence(conn)
                self._last, self._leading = None, True
                yield conn
            finally:
                self._leading = False
                async with tidying(conn):
                    await conn.remove_listener(event_log.STAGED, self._on_staged)

    def _on_staged(self, *_: object) -> None:
        self._staged.set()

    async def _sequence_for_ever(self, conn: Conn) -> None:
        left = 0
        while True:
            self._staged.clear()
            begun = asyncio.get_running_loop().time()
            faults.point("relay.before_sequence")
            moved = await event_log.sequence(conn)
            faults.point("relay.after_sequence")
            if moved:
                telemetry.EVENTS_SEQUENCED.labels(self._source.service).inc(moved)
                self._sequenced.set()
                left += moved
                if left >= TIDY_AFTER and moved < event_log.AT_MOST:  # a backlog is cleared away once, at its end
                    left = 0
                    self._untidy.set()
                await asyncio.sleep(begun + SEQUENCE_PACE - asyncio.get_running_loop().time())
                continue  # under load the next are there already: a look costs less than waiting for their notice
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._staged.wait()

    async def _tidy_for_ever(self) -> None:
        while True:
            await self._untidy.wait()
            self._untidy.clear()
            async with self._pool.acquire() as conn:
                await event_log.tidy(conn)

    async def _publish_for_ever(self) -> None:
        while True:
            self._sequenced.clear()
            begun = asyncio.get_running_loop().time()
            try:
                moved = await self._publish_next()
            except (*bus.NATS_ERRORS, Diverged) as error:
                await self._doubt(error)
                continue
            if moved < ATOMIC_LIMIT * READ_AHEAD:  # that was all; what came since has set the event
                await self._wait_for_more()
                await asyncio.sleep(begun + PUBLISH_PACE - asyncio.get_running_loop().time())

    async def _wait_for_more(self) -> None:
        try:
            async with asyncio.timeout(IDLE_CHECK):
                await self._sequenced.wait()
        except TimeoutError:
            self._last = None  # look again: an idle stream may have lost its tail

    async def _doubt(self, error: BaseException) -> None:
        """After any error the stream is asked where it stands; what was in flight either counts there or does not."""
        self._last = None
        telemetry.RELAY_DOUBTS.labels(self._source.service, type(error).__name__).inc()
        level = log.error if isinstance(error, Diverged) else log.warning
        level("relay_in_doubt", service=self._source.service, reason=str(error) or type(error).__name__)
        await asyncio.sleep(SLOWLY if isinstance(error, Diverged) else self._poll)

    async def _publish_next(self) -> int:
        """Publishes what the stream lacks, up to READ_AHEAD batches; answers with how many events that were."""
        if self._last is None:
            self._last = await self._position_of_stream()
            faults.point("relay.after_state")
        async with self._pool.acquire() as conn:
            rows = await event_log.read(conn, after=self._last, limit=ATOMIC_LIMIT * READ_AHEAD)
        telemetry.RELAY_LAG.labels(self._source.service).set(len(rows))
        if not rows:
            return 0
        if rows[0].pos != self._last + 1:
            raise Diverged(f"the log goes on at {rows[0].pos}, the stream ends at {self._last}")
        for batch in cut(rows):
            await self._publish(batch)
            telemetry.RELAY_LAG.labels(self._source.service).set(rows[-1].pos - batch[-1].pos)
        return len(rows)

    async def _publish(self, rows: list[LogRow]) -> None:
        assert self._last is not None
        reply, answer = self._replies.expect()
        try:
            commands = batch_commands(rows, self._source, expected_last=self._last, reply=reply)
            faults.point("relay.before_publish")
            async with asyncio.timeout(self._ack_timeout):
                await self._client.publish_prepared(commands)
                faults.point("relay.after_publish")
                ack = await answer
        finally:
            self._replies.forget(reply)
        if ack.get("seq") != rows[-1].pos:
            raise Diverged(f"position {rows[-1].pos} was stored at sequence {ack.get('seq')}")
        faults.point("relay.after_ack")
        self._last = rows[-1].pos
        telemetry.EVENTS_RELAYED.labels(self._source.service).inc(len(rows))

    async def _position_of_stream(self) -> int:
        """The stream's last sequence, after making sure that it is a copy of our log up to there."""
        state = await bus.ensure_stream(
            self._client, self._source.service, self._source.province, replicas=self._replicas
        )
        last = int(state["last_seq"])
        async with self._pool.acquire() as conn:
            trouble = await divergence(conn, self._client, self._source, last)
        if trouble:
            raise Diverged(trouble)
        return last


__all__ = ["ApiError", "Diverged", "Relay", "Source", "batch_commands", "header_block"]
