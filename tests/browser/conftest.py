"""One site and one browser for the files about registry's pages; another file brings its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.registry_site import FLAGS, Site, at_work
from tests.support import chromium
from tests.support.servers import Postgres, new_nats
from tests.support.stack import nats_config


@pytest.fixture(scope="module")
async def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One site for all tests of a file."""
    nats = new_nats(tmp_path_factory.mktemp("browser"), config=nats_config())
    try:
        async with at_work(postgres, nats) as started:
            yield started
    finally:
        await nats.stop()
        nats.remove()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=str(chromium.find()), args=FLAGS)
        yield found
        await found.close()
