"""A service at work: what it is made of (`Spec`), and its running parts by role (`Service`).

A service's `app.py` gives a Spec; everything that the four have in common happens here.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from faststream.nats import NatsBroker
from joserfc.jwk import KeySet

from shared import auth, bus, channels, db, notices
from shared.channels import Question
from shared.clock import Clock, system_clock
from shared.commands import Commands, Positions
from shared.contracts import Event
from shared.db import Pool
from shared.garbage import leave_code_alone
from shared.ids import NewId, new_id
from shared.problems import Say, respond
from shared.projection import Projection
from shared.projection.store import ParkedEvent
from shared.projection.worker import Projector
from shared.relay import Relay, Source
from shared.settings import Settings
from shared.telemetry import logger
from shared.wire import StreamClient

log = logger(__name__)

ROLES = ("api", "relay", "projector")
HEARD_WAIT = 5
"""Seconds for the server to take note of what the service answers; without its word the service starts all the same."""
STOP_WAIT = 5.0
"""Seconds that the roles have to end when the service stops."""


@dataclass(frozen=True)
class Spec:
    """What one service is: read it and you have seen the service's table of contents."""

    name: str
    title: str
    summary: str
    routers: tuple[APIRouter, ...]
    migrations: Path
    publishes: tuple[type[Event], ...] = ()
    projections: tuple[Projection, ...] = ()
    questions: Mapping[str, Question] = field(default_factory=dict)
    """What other systems may ask over the bus: `q.<province>.<service>.<question>`, JSON in, JSON out."""
    pages: APIRouter | None = None
    """Pages of the service, for people; they live under `pages_at`."""
    pages_at: str = "/"
    """Where the pages live. One service has the root of the site, others a path such as `/so`."""
    say_on_pages: Say = respond
    """How the pages answer what they refuse."""
    uploads: Mapping[str, int] = field(default_factory=dict)
    """Addresses that take files, by how they begin within the API or the pages, and the largest body in bytes."""
    on_start: Callable[[Service], Awaitable[None]] | None = None
    """Started beside the API, for example the live feed."""

    @property
    def folders(self) -> list[Path]:
        """Migration folders in the order in which they are applied."""
        producer = [db.PRODUCER, db.COMMANDS] if self.publishes else []
        follower = [db.FOLLOWER] if self.projections else []
        return [*producer, *follower, self.migrations]

    @property
    def follows(self) -> tuple[str, ...]:
        """Services whose events it reads."""
        return tuple(sorted({s for p in self.projections for s in p.follows}))


class Service:
    """One running service. `async with service.running():` starts the roles and stops them in reverse."""

    pool: Pool
    client: StreamClient
    broker: NatsBroker
    commands: Commands

    def __init__(
        self,
        spec: Spec,
        settings: Settings,
        *,
        keys: KeySet | None = None,
        clock: Clock = system_clock,
        ids: NewId = new_id,
        roles: Sequence[str] = ROLES,
    ) -> None:
        self.spec, self.settings, self.clock, self.new_id = spec, settings, clock, ids
        self.roles = frozenset(roles)
        self.dsn = settings.dsn(spec.name)
        self.auth = auth.Authenticator(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            keys=keys if keys is not None else auth.load_keys(settings.oidc_jwks),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.extras: dict[str, Any] = {}
        """What the service's own `on_start` keeps, by name."""

    @property
    def name(self) -> str:
        """`registry`, `outreach`, `courses` or `reporting`."""
        return self.spec.name

    @property
    def province(self) -> str:
        """Id of the province."""
        return self.settings.province

    async def migrate(self) -> list[str]:
        """Brings the database up to date; answers with the migrations applied now."""
        return await db.migrate(self.dsn, self.spec.folders)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Migrates, connects, starts the roles; on leaving ends them and closes."""
        await self.migrate()
        password = self.settings.nats_password.get_secret_value()
        self.pool = await db.open_pool(self.dsn, size=16)
        self.client = await bus.connect(
            self.settings.nats_url, user=self.name, password=password, on_closed=self._on_connection_closed
        )
        self.broker = self.shell()
        await self.broker.start()
        await self._until_heard()
        try:
            self._start_roles()
            if self.spec.on_start and "api" in self.roles:
                await self.spec.on_start(self)
            leave_code_alone()
            yield self
        finally:
            await self._stop()

    def shell(self) -> NatsBroker:
        """FastStream's broker with the service's declared channels; also the source of its AsyncAPI document."""
        password = self.settings.nats_password.get_secret_value()
        broker = bus.make_broker(
            self.settings.nats_url, user=self.name, password=password, on_closed=self._on_connection_closed
        )
        channels.declare(broker, self)
        return broker

    def background(self, work: Awaitable[None], name: str) -> None:
        """Runs `work` until the service stops. A failure ends the service's readiness, and is logged."""
        task = asyncio.create_task(_logged(work, f"{self.name}.{name}"), name=f"{self.name}.{name}")
        task.set_name(f"{self.name}.{name}")
        self._tasks.append(task)

    @property
    def dead_workers(self) -> list[str]:
        """Names of background work that has ended by an error."""
        return [t.get_name() for t in self._tasks if t.done() and not t.cancelled() and t.exception() is not None]

    def _start_roles(self) -> None:
        relay = self._relay() if "relay" in self.roles and self.spec.publishes else None
        positions = Positions(self.dsn, self.pool, wake_relay=relay.wake if relay else None)
        self.commands = Commands(
            self.pool, positions, service=self.name, province=self.province, clock=self.clock, new_id=self.new_id
        )
        settings = self.settings
        if "api" in self.roles and self.spec.publishes:
            self.background(positions.run(), "positions")
        if relay:
            self.background(relay.run(), "relay")
        if "projector" in self.roles and self.spec.projections:
            projector = Projector(
                self.pool,
                self.client,
                self.name,
                self.province,
                self.spec.projections,
                max_batch=settings.batch,
                park_limit=settings.park_limit,
                on_commit=self._tick,
                on_parked=self._notice_parked,
            )
            self.background(projector.run(), "projector")

    def _relay(self) -> Relay:
        source, settings = Source(self.name, self.province), self.settings
        return Relay(self.pool, self.client, source, replicas=settings.stream_replicas, poll=settings.poll_seconds)

    async def _on_connection_closed(self) -> None:
        """A connection that the client gave up is never opened again: better a new process than one that only looks
        alive. Whoever started it (compose, an operator) starts it again."""
        if not self._stopping:
            log.error("nats_connection_closed", service=self.name, what="ending this process")
            os.kill(os.getpid(), signal.SIGTERM)

    async def _tick(self, stream: str, pos: int) -> None:
        """Says that the read models moved. Lost ticks cost a refresh."""
        if reached := self.extras.get("reached"):
            reached.nudge()
        await self._say(bus.tick_subject(self.province, self.name), f'{{"{stream}":{pos}}}'.encode())

    async def _notice_parked(self, events: Iterable[ParkedEvent]) -> None:
        """Says that events were set aside. Lost notices cost nothing: readers are told in every answer."""
        subject = bus.notice_subject(self.province, self.name, notices.EVENT_PARKED)
        for notice in notices.of_parked(events):
            await self._say(subject, notice.model_dump_json().encode())

    async def _say(self, subject: str, payload: bytes) -> None:
        """For what may be lost: no answer is awaited, and nothing is kept for a server that is away."""
        with suppress(*bus.NATS_ERRORS):
            if self.client.is_connected:
                await self.client.publish(subject, payload)

    async def _until_heard(self) -> None:
        """Returns when the server has our subscriptions, so that a question asked now finds somebody who answers.

        Twice: nats-py's PING may overtake what waits to be written, but the second comes after what the first met.
        """
        with suppress(*bus.NATS_ERRORS):
            for _ in range(2):
                await self.broker.connection.flush(timeout=HEARD_WAIT)

    async def _stop(self) -> None:
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        ended = asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), STOP_WAIT)
        for task in self._tasks:
            if not task.done():
                log.error("worker_does_not_end", worker=task.get_name())
        with suppress(Exception):
            await asyncio.wait_for(self.broker.stop(), 3)
        with suppress(*bus.NATS_ERRORS):
            await asyncio.wait_for(self.client.close(), 3)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.pool.close(), 5)


async def _logged(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        log.error("worker_died", worker=name, exc_info=error)
        raise
