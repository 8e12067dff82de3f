"""`phongtrao serve` and `phongtrao migrate`: one service on servers that run elsewhere."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import asyncpg
import httpx
from joserfc.errors import JoseError

from phongtrao import reach
from phongtrao.serving import bind, serving
from phongtrao.specs import spec
from shared import bus, telemetry
from shared.app import create_app, pages_apps, site
from shared.contracts import PRODUCERS
from shared.db import INFRASTRUCTURE_ERRORS
from shared.service import Service, Spec
from shared.settings import Settings
from shared.telemetry import logger

log = logger(__name__)

_NO_DATABASE = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


async def run(name: str, settings: Settings, roles: Sequence[str]) -> None:
    """Serves until SIGINT or SIGTERM. Without the role `api` only health and metrics answer.

    Raises PortInUse, or NotReached when the issuer's keys, Postgres or NATS are not there.
    """
    telemetry.setup_logging(settings.log_level)
    with bind(settings.host, settings.port) as sock:
        try:
            service = Service(_of_roles(spec(name), roles), settings, roles=roles)
        except (OSError, ValueError, httpx.HTTPError, JoseError) as error:
            raise reach.NotReached(f"{name}: keys of the issuer: {error}") from error
        try:
            await _serve(service, sock)
        except (*INFRASTRUCTURE_ERRORS, *_NO_DATABASE) as error:
            raise reach.NotReached(
                f"{name}: {str(error) or type(error).__name__}; are Postgres and NATS there?"
            ) from error
    log.info("stopped", service=name)


async def _serve(service: Service, sock: socket.socket) -> None:
    stop = asyncio.Event()
    for sent in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    async with serving(site([create_app(service)], pages=pages_apps([service])), sock):
        log.info("serving", service=service.name, roles=sorted(service.roles), port=sock.getsockname()[1])
        await stop.wait()


def _of_roles(whole: Spec, roles: Sequence[str]) -> Spec:
    return whole if "api" in roles else replace(whole, routers=(), pages=None)


async def migrate(names: Sequence[str], settings: Settings, say: Callable[[str], None]) -> None:
    """Migrates databases, and makes missing streams where NATS answers. Raises NotReached when a database does not."""
    target = reach.find(settings, names)
    for name in names:
        service = Service(spec(name), target.settings, keys=reach.NO_KEYS, roles=())
        try:
            applied = await service.migrate()
        except (*INFRASTRUCTURE_ERRORS, *_NO_DATABASE) as e:
            raise reach.NotReached(f"Postgres of {name}: {str(e) or type(e).__name__} ({target.found})") from e
        say(f"{name}: {', '.join(applied) if applied else 'up to date'}")
    await _make_streams([n for n in names if n in PRODUCERS], target, say)


async def _make_streams(names: Sequence[str], target: reach.Target, say: Callable[[str], None]) -> None:
    try:
        client = await reach.connect(target)
    except reach.NotReached as error:
        say(f"streams: not looked at, {error}; each relay makes its own when it starts")
        return
    try:
        for name in names:
            state = await bus.ensure_stream(
                client, name, target.settings.province, replicas=target.settings.stream_replicas
            )
            say(f"{bus.stream_name(name, target.settings.province)}: {state['last_seq']} events")
    finally:
        with suppress(*bus.NATS_ERRORS):
            await client.close()
