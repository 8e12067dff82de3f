"""A producer's database, a reader's database, and a NATS of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from shared import bus, db
from shared.db import Pool
from shared.wire import StreamClient
from tests.support import delivery
from tests.support.servers import Nats


@pytest.fixture
async def producer_dsn(database: Callable[..., Awaitable[str]]) -> str:
    """The address of the producer's database."""
    return await database(*delivery.PRODUCER_FOLDERS)


@pytest.fixture
async def reader_dsn(database: Callable[..., Awaitable[str]]) -> str:
    """The address of the reader's database."""
    return await database(*delivery.READER_FOLDERS)


@pytest.fixture
async def producer(producer_dsn: str) -> AsyncIterator[Pool]:
    """The producer's database: stage and log."""
    pool = await db.open_pool(producer_dsn, size=20)
    yield pool
    pool.terminate()


@pytest.fixture
async def reader(reader_dsn: str) -> AsyncIterator[Pool]:
    """The reader's database: checkpoints and the tally."""
    pool = await db.open_pool(reader_dsn, size=10)
    yield pool
    pool.terminate()


@pytest.fixture
async def server(fresh_nats: Callable[..., Awaitable[Nats]]) -> Nats:
    """A NATS that the test may kill."""
    return await fresh_nats()


@pytest.fixture
async def client(server: Nats) -> AsyncIterator[StreamClient]:
    """A connection to it."""
    made = await delivery.connect(server.url)
    yield made
    with suppress(*bus.NATS_ERRORS):
        await made.close()
