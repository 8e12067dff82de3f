"""One NATS with the rights of production for all service tests; `tests.support.stack` removes what a test made."""

from collections.abc import AsyncIterator

import pytest

from tests.support.servers import Nats, new_nats
from tests.support.stack import nats_config


@pytest.fixture(scope="session")
async def guarded_nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """A server on which each service has its own user and may do only what it must."""
    server = new_nats(tmp_path_factory.mktemp("guarded-nats"), config=nats_config())
    await server.start()
    yield server
    await server.stop()
    server.remove()
