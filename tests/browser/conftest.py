"""One site for the files about registry's pages (another file brings its own), and one browser for each file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.registry_site import FLAGS, Site, at_work
from tests.support import chromium
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.stack import nats_config


@pytest.fixture(scope="module")
async def own_nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """A NATS for the site of one file."""
    nats = new_nats(tmp_path_factory.mktemp("browser"), config=nats_config())
    await nats.start()
    yield nats
    await nats.stop()
    nats.remove()


@pytest.fixture(scope="module")
async def site(postgres: Postgres, own_nats: Nats) -> AsyncIterator[Site]:
    """One site for all tests of a file."""
    async with at_work(postgres, own_nats) as started:
        yield started


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=str(chromium.find()), args=FLAGS)
        yield found
        await found.close()
