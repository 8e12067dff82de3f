"""Ours: a service with some of its roles, over HTTP when `port` is not 0, until SIGTERM."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from phongtrao import specs
from phongtrao.serving import bind, serving
from shared.app import create_app, site
from shared.service import Service
from shared.settings import Settings
from tests.bench.program import Answer, main


async def work(service: str, roles: Sequence[str], port: int, settings: dict[str, str]) -> Answer:
    """Serves. `settings` are named like those of `shared.settings`."""
    made = Service(specs.spec(service), Settings.model_validate(settings), roles=roles)
    async with serving(site([create_app(made)]), bind("127.0.0.1", port)) if port else made.running():
        await asyncio.Event().wait()
    return {}


if __name__ == "__main__":
    main(work)
