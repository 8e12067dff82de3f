"""From a command to the servers: a running `phongtrao up` found by its data folder, or those that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import asyncpg
from joserfc.jwk import KeySet
from pydantic import SecretStr

from phongtrao.instance import Folder
from phongtrao.specs import SERVICES, spec
from shared import bus, db
from shared.service import Service
from shared.settings import Settings
from shared.wire import StreamClient

_PATIENCE = 5.0
NO_KEYS = KeySet([])
"""For services of which only database and bus are used: they verify no token."""


class NotReached(RuntimeError):
    """A server does not answer; the text says which one, and how this command came to its address."""


class Target(NamedTuple):
    """Where the servers are. `user` is who we are for NATS: operators may do everything, a service only its own."""

    settings: Settings
    user: str
    found: str


def find(settings: Settings, only: Sequence[str] = ()) -> Target:
    """The running instance of the data folder, else what the settings name.

    With one service given, the settings' NATS password is that service's; otherwise it is the operators'.
    """
    folder = Folder(settings.data)
    running = folder.running()
    if running is None:
        user = only[0] if len(only) == 1 else bus.OPS
        return Target(settings, user, _nobody_runs(folder))
    own = {
        "nats_url": running.nats_url,
        "nats_password": SecretStr(folder.secrets().nats[bus.OPS]),
        "database_url": SecretStr(running.database_url),
    }
    return Target(settings.model_copy(update=own), bus.OPS, f"the instance on {folder.path}")


def _nobody_runs(folder: Folder) -> str:
    return (
        f"no `phongtrao up` runs on {folder.path}, the folder of PHONGTRAO_DATA, so the address is from the settings."
        " Start one there, or give the folder of the one that runs, as PHONGTRAO_DATA=./var,"
        " or servers elsewhere: PHONGTRAO_NATS_URL, PHONGTRAO_NATS_PASSWORD, PHONGTRAO_DATABASE_URL"
    )


@asynccontextmanager
async def opened(target: Target, only: Sequence[str] = ()) -> AsyncIterator[list[Service]]:
    """The services with database and bus open, none of their roles running. Raises NotReached."""
    async with AsyncExitStack() as stack:
        client = await connect(target)
        stack.push_async_callback(client.close)
        services = []
        for name in only or SERVICES:
            service = Service(spec(name), target.settings, keys=NO_KEYS, roles=())
            service.client = client
            service.pool = await _open_pool(service, target)
            stack.push_async_callback(service.pool.close)
            services.append(service)
        yield services


async def connect(target: Target) -> StreamClient:
    """A connection to NATS. Raises NotReached."""
    settings = target.settings
    try:
        await _answers(settings.nats_url)
        password = settings.nats_password.get_secret_value()
        work = bus.connect(settings.nats_url, user=target.user, password=password, name="phongtrao-cli")
        return await asyncio.wait_for(work, _PATIENCE)
    except (*bus.NATS_ERRORS, ValueError) as error:
        raise NotReached(f"NATS at {settings.nats_url}: {_said(error)} ({target.found})") from error


async def _answers(url: str) -> None:
    host, _, port = url.split("://", 1)[-1].rsplit("@", 1)[-1].partition(":")
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port or 4222)), _PATIENCE)
    writer.close()


async def _open_pool(service: Service, target: Target) -> db.Pool:
    try:
        return await asyncio.wait_for(db.open_pool(service.dsn, size=4), _PATIENCE)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReached(f"Postgres of {service.name}: {_said(error)} ({target.found})") from error


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
