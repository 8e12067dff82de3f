"""What a connection to NATS does when the server refuses it: wait where waiting helps, and say so where it does not."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from phongtrao.embedded import NatsServer
from shared import bus
from shared.wire import StreamClient
from tests.support.stack import PASSWORDS, nats_config

# nats-py leaves the sockets of refused connections to the garbage collector; each test collects while its loop lives.
UNTIDY = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@UNTIDY
async def test_a_connection_that_the_client_gives_up_for_good_is_told(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path, config=nats_config())
    await nats.start()
    closed = asyncio.Event()

    async def on_closed() -> None:
        closed.set()

    client = await bus.connect(nats.url, user="registry", password=PASSWORDS["registry"], on_closed=on_closed)
    await client.publish_prepared(b"PUB cds.51.registry.x 999999999\r\n")  # over the server's limit: «-ERR»
    async with asyncio.timeout(10):
        await closed.wait()
    assert client.is_closed
    del client
    gc.collect()
    await nats.stop()


@UNTIDY
async def test_a_connection_whose_rights_come_back_goes_on(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path, config=nats_config())
    await nats.start()
    client = await bus.connect(nats.url, user="registry", password=PASSWORDS["registry"])
    await nats.stop()
    locked_out = NatsServer(
        tmp_path, config=nats_config().replace(PASSWORDS["registry"], "another password"), port=nats.port
    )
    await locked_out.start()
    await asyncio.sleep(1.0)
    assert (_connected(client), client.is_closed) == (False, False)
    await locked_out.stop()

    await nats.start()

    async with asyncio.timeout(10):
        while not _connected(client):
            await asyncio.sleep(0.05)
        await bus.ensure_stream(client, "registry", "51")
    await client.close()
    del client
    gc.collect()
    await nats.stop()


def _connected(client: StreamClient) -> bool:
    return bool(client.is_connected)
