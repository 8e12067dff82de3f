"""The whole site on a real socket, in a thread of its own, with one of everything in it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.http.site import Site, run
from tests.support.servers import Postgres, new_nats
from tests.support.stack import nats_config


@pytest.fixture(scope="package")
async def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Four services behind one address. Reads wait a moment only for a `min_pos` that will never come."""
    nats = new_nats(Path(tmp_path_factory.mktemp("http-nats")), config=nats_config())
    await nats.start()
    ready: queue.Queue[Site | BaseException] = queue.Queue()
    thread = threading.Thread(target=lambda: asyncio.run(run(postgres, nats, ready)), name="site")
    thread.start()
    started = await asyncio.to_thread(ready.get, timeout=60)
    if isinstance(started, BaseException):
        raise started
    yield started
    started.stop()
    await asyncio.to_thread(thread.join, 30)
    await nats.stop()
    nats.remove()


@pytest.fixture
def anyone(site: Site) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=site.url, timeout=30) as client:
        yield client


@pytest.fixture
def officer(site: Site) -> Iterator[httpx.Client]:
    """A client of someone who may do everything everywhere."""
    with httpx.Client(base_url=site.url, timeout=30, headers=site.everything) as client:
        yield client
