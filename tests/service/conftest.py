"""What service tests share: one NATS with the rights of production, and a registry with the units of 2023."""

from collections.abc import AsyncIterator

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import ok


@pytest.fixture(scope="session")
async def guarded_nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """A server on which each service has its own user and may do only what it must.

    `tests.support.stack` removes what a test made on it.
    """
    server = new_nats(tmp_path_factory.mktemp("guarded-nats"), config=nats_config())
    await server.start()
    yield server
    await server.stop()
    server.remove()


@pytest.fixture(scope="module")
async def running(request: pytest.FixtureRequest, postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023, one for all tests of a file, at the moment that the file calls NOW."""
    clock = HandClock(request.module.NOW)
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=clock) as started:
        await ok(started.client(Role.OPERATOR, units=["51"]).post("/registry/editions/2023"), 201)
        yield started


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    """Of the whole province."""
    return running.client(Role.PROVINCE_OFFICER, units=["51"])
