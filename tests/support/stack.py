"""Services as they run in production, in this process: real Postgres, real NATS with real rights, HTTP from end to end.

async with stack(registry.SPEC, courses.SPEC, postgres=postgres, nats=guarded_nats) as running:
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    answer = await officer.post("/registry/organisations", json={...})
    await running.caught_up()
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
from joserfc.jwk import ECKey, KeySet
from pydantic import SecretStr
from starlette.applications import Starlette

from shared import auth, bus, event_log
from shared.app import create_app, pages_apps, site
from shared.auth import Caller, Role
from shared.clock import Clock, system_clock
from shared.contracts import PRODUCERS, Event, parse
from shared.projection import store as projections
from shared.service import ROLES, Service, Spec
from shared.settings import Settings
from tests.support.servers import Nats, Postgres, databases_of, wipe_streams

PASSWORDS = {user: f"password-of-{user}" for user in (*PRODUCERS, "reporting", bus.OPS)}
CITIZEN_KEY = "a key that only tests know, 32 characters"
KEY = ECKey.generate_key("P-256", auto_kid=True)

_numbers = itertools.count(1)


def nats_config(province: str = "51") -> str:
    """The server configuration that gives each service its own user and rights, as in production."""
    return bus.authorization(PASSWORDS, province)


def ops_url(nats: Nats) -> str:
    """The address of a server with these rights, for operators."""
    return nats.url.replace("://", f"://{bus.OPS}:{PASSWORDS[bus.OPS]}@")


class HandClock:
    """A clock that stands until the test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Moves it on, for example `forward(days=1)`."""
        self.now += timedelta(**by)


class Stack:
    """Running services behind one site, each under its path."""

    def __init__(self, services: Iterable[Service], app: Starlette) -> None:
        self.services = {service.name: service for service in services}
        self.app = app
        self.clients: list[httpx.AsyncClient] = []

    def token(self, *roles: Role, subject: str = "someone", units: Iterable[str] = (), **own: str | None) -> str:
        """A signed token; `own` may say `member_id`, `team_id`, `organisation_id`."""
        settings = next(iter(self.services.values())).settings
        caller = Caller(subject, frozenset(roles), tuple(units), **own)
        return auth.issue(KEY, issuer=settings.oidc_issuer, audience=settings.oidc_audience, caller=caller)

    def client(self, *roles: Role, **who: Any) -> httpx.AsyncClient:
        """A client of the whole site that calls as this person; without roles it sends no token."""
        headers = {"authorization": f"Bearer {self.token(*roles, **who)}"} if roles else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.clients.append(httpx.AsyncClient(transport=transport, base_url="http://phongtrao.test", headers=headers))
        return self.clients[-1]

    async def log(self, service: str, kind: type[Event] | None = None) -> list[Event]:
        """What a service has published, in order; only one kind of event if that is asked for."""
        async with self.services[service].pool.acquire() as conn:
            rows = await event_log.read(conn, after=0, limit=1_000_000)
        events = [parse(row.type, row.payload) for row in rows]
        return [event for event in events if kind is None or isinstance(event, kind)]

    async def caught_up(self, *, timeout: float = 20.0) -> None:
        """Waits until every service here has folded all that the others have published. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while missing := [gap for service in self.services.values() for gap in await self._behind(service)]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still behind after {timeout:.0f} s: {', '.join(missing)}")
            await asyncio.sleep(0.01)

    async def _behind(self, service: Service) -> list[str]:
        streams = [stream for stream in service.spec.follows if stream in self.services]
        if not streams:
            return []
        async with service.pool.acquire() as conn:
            reached = await projections.live_positions(conn)
        ends = {stream: await self._end(self.services[stream]) for stream in streams}
        return [f"{service.name} at {s}:{reached.get(s, 0)} of {n}" for s, n in ends.items() if reached.get(s, 0) < n]

    async def _end(self, producer: Service) -> int:
        """The last position, counting events that have not got theirs yet."""
        async with producer.pool.acquire() as conn:
            one_snapshot = "select (select coalesce(max(pos), 0) from log) + (select count(*) from stage)"
            return int(await conn.fetchval(one_snapshot))


@asynccontextmanager
async def stack(
    *specs: Spec,
    postgres: Postgres,
    nats: Nats,
    clock: Clock = system_clock,
    roles: Iterable[str] = ROLES,
    **settings: Any,
) -> AsyncIterator[Stack]:
    """Runs these services on databases of their own. `nats` was started with `nats_config()`.

    `settings` are named like those of `shared.settings`.
    On leaving, the services stop, their streams and databases are removed.
    """
    number = next(_numbers)
    names = {spec.name: f"stack_{os.getpid()}_{number}_{spec.name}" for spec in specs}
    for spec in specs:
        await databases_of(postgres).create_named(names[spec.name], *spec.folders)
    services = [
        Service(spec, _settings(spec, postgres.dsn(names[spec.name]), nats, settings), keys=KeySet([KEY]), clock=clock,
                roles=tuple(roles))
        for spec in specs
    ]  # fmt: skip
    running = Stack(services, site([create_app(service) for service in services], pages=pages_apps(services)))
    try:
        async with running.app.router.lifespan_context(running.app):
            yield running
    finally:
        for client in running.clients:
            await client.aclose()
        await wipe_streams(ops_url(nats))
        await _drop(postgres, names.values())


def _settings(spec: Spec, dsn: str, nats: Nats, more: dict[str, Any]) -> Settings:
    password = SecretStr(PASSWORDS[spec.name])
    plain = {"citizen_key": SecretStr(CITIZEN_KEY), "poll_seconds": 0.05, **more}
    return Settings(database_url=SecretStr(dsn), nats_url=nats.url, nats_password=password, **plain)


async def _drop(postgres: Postgres, names: Iterable[str]) -> None:
    conn = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        for name in names:
            await conn.execute(f'drop database if exists "{name}" with (force)')
    finally:
        await conn.close()
