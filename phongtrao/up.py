"""`phongtrao up`: a whole province on one machine. Postgres and NATS as children, the four services in this process.

Everything is started in one order and stopped in the reverse one, whatever ends it: Ctrl-C, a failure, or a signal
while it still starts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TextIO

from pydantic import SecretStr
from starlette.applications import Starlette

from phongtrao import sign_in
from phongtrao.client import Api, signing
from phongtrao.demo_clock import Moment
from phongtrao.demonstration import Demonstration
from phongtrao.embedded import NatsServer, PostgresServer, ServerError
from phongtrao.instance import Folder, Running, Secrets
from phongtrao.personas import personas
from phongtrao.serving import address, bind, serving
from phongtrao.simulate import Say, load_units
from phongtrao.specs import SERVICES, specs
from shared import bus, telemetry
from shared.app import create_app, pages_apps, site
from shared.clock import system_clock
from shared.service import Service
from shared.settings import Settings
from shared.telemetry import logger

log = logger(__name__)
_WATCH_SECONDS = 1.0
"""How often `phongtrao up` looks whether its servers still run."""


async def run(settings: Settings, say: Say) -> None:
    """Runs until SIGINT or SIGTERM. Raises AlreadyRunning, PortInUse or ServerError when it cannot start."""
    folder = Folder(settings.data)
    with folder.held():
        sock = bind(settings.host, settings.port)
        stopping = _cancel_on_signals(say)
        begun = time.monotonic()
        try:
            async with _instance(settings, folder, sock, say) as running:
                say(f"open {running.url} ({time.monotonic() - begun:.1f} s; Ctrl-C stops everything)")
                await _live(settings, folder, running, say)
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise
        finally:
            sock.close()
        say("stopped; the data stays in " + str(folder.path))


def _cancel_on_signals(say: Say) -> asyncio.Event:
    """The first signal unwinds everything that was started, the second one leaves at once."""
    task, loop, stopping = asyncio.current_task(), asyncio.get_running_loop(), asyncio.Event()
    assert task is not None

    def stop() -> None:
        if stopping.is_set():
            os._exit(130)  # the servers end with us, and recover at the next start
        stopping.set()
        say("stopping …")
        task.cancel()

    for sent in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sent, stop)
    return stopping


@asynccontextmanager
async def _instance(settings: Settings, folder: Folder, sock: socket.socket, say: Say) -> AsyncIterator[_Instance]:
    """Everything that runs, in order; on leaving stopped in the reverse one."""
    secrets = folder.secrets()
    async with AsyncExitStack() as stack:
        log = stack.enter_context(folder.log.open("a", encoding="utf-8"))
        _log_to(log, settings.log_level)
        ours = await _start_servers(stack, settings, folder, secrets, say)
        demo = _demonstration(settings, folder)
        clock = demo.clock if demo else system_clock
        services = [Service(spec, ours[spec.name], keys=secrets.keys, clock=clock) for spec in specs()]
        for service in services:
            applied = await service.migrate()
            say(f"{service.name}: {_plural(len(applied), 'migration')}" if applied else f"{service.name}: up to date")
        await _timed(say, "services", stack.enter_async_context(serving(_site(services, secrets, demo), sock)))
        running = _Instance(address(sock), secrets, demo)
        some = ours[SERVICES[0]]
        folder.announce(Running(os.getpid(), running.url, some.nats_url, some.database_url.get_secret_value()))
        yield running


class _Instance:
    """What is known once everything runs."""

    def __init__(self, url: str, secrets: Secrets, demo: Demonstration | None) -> None:
        self.url, self.secrets, self.demo = url, secrets, demo


async def _start_servers(
    stack: AsyncExitStack, settings: Settings, folder: Folder, secrets: Secrets, say: Say
) -> dict[str, Settings]:
    postgres = PostgresServer(folder.path)
    nats = NatsServer(folder.path, config=bus.authorization(secrets.nats, settings.province))
    stack.push_async_callback(postgres.stop)
    stack.push_async_callback(nats.stop)
    await asyncio.gather(_timed(say, "Postgres 18", postgres.start()), _timed(say, "NATS", nats.start()))
    await stack.enter_async_context(_kept_alive(say, {"Postgres": postgres, "NATS": nats}))
    for name in SERVICES:
        await postgres.ensure_database(name)
    common = {
        "embedded": True,
        "nats_url": nats.url,
        "database_url": SecretStr(postgres.dsn("SERVICE").replace("SERVICE", "{service}")),
        "citizen_key": SecretStr(secrets.citizen_key),
    }
    return {
        name: settings.model_copy(update={**common, "nats_password": SecretStr(secrets.nats[name])})
        for name in SERVICES
    }


@asynccontextmanager
async def _kept_alive(say: Say, servers: Mapping[str, PostgresServer | NatsServer]) -> AsyncIterator[None]:
    """Within it, a server that ends is started again where it was; the services find it by themselves."""
    watchers = [asyncio.create_task(_keep_alive(say, name, server)) for name, server in servers.items()]
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


async def _keep_alive(say: Say, name: str, server: PostgresServer | NatsServer) -> None:
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        if server.running:
            continue
        say(f"{name} ended by itself; starting it again")
        try:
            await _timed(say, f"{name} is back", server.start())
        except ServerError as error:
            say(str(error))


def _demonstration(settings: Settings, folder: Folder) -> Demonstration | None:
    if not settings.demo:
        return None
    return Demonstration(folder.clock, Moment(seed=settings.demo_seed, share=settings.demo_share), settings.demo_speed)


def _site(services: list[Service], secrets: Secrets, demo: Demonstration | None) -> Starlette:
    """The four services, the pages, and the sign-in as a persona."""
    reporting = services[-1]
    pages = pages_apps(services)
    root = next(app for app in pages if app.state.service is reporting)
    people = personas(demo.seed if demo else 0, demo=demo is not None, province=reporting.province)
    root.include_router(sign_in.routes(reporting, people, secrets.signing, demo))
    return site([create_app(service) for service in services], pages=pages)


async def _live(settings: Settings, folder: Folder, running: _Instance, say: Say) -> None:
    """The units, then the demonstration, both over HTTP; then waits for a signal."""
    async with Api(running.url, signing(running.secrets.signing, settings)) as api:
        say(f"the {await load_units(api)} units of 2023 are there")
        if running.demo:
            async with running.demo.noted(api.counts, say):
                await _play(running.demo, api, folder, say)
                await asyncio.Event().wait()
    await asyncio.Event().wait()


async def _play(demo: Demonstration, api: Api, folder: Folder, say: Say) -> None:
    """A simulation that fails does not take the system with it."""
    try:
        await demo.play(api, say)
    except Exception as error:
        log.error("simulation_failed", exc_info=error)
        demo.fail(error, folder.log)
        say(f"the simulation failed ({type(error).__name__}, see {folder.log}); the system stays up")


def _log_to(log: TextIO, level: str) -> None:
    telemetry.setup_logging(level)
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(log)


async def _timed(say: Say, what: str, work: Awaitable[object]) -> None:
    begun = time.monotonic()
    await work
    say(f"{what} … {time.monotonic() - begun:.1f} s")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def sayer(begun: float, write: Callable[[str], None]) -> Say:
    """Progress lines with the seconds since the start in front."""

    def say(line: str) -> None:
        write(f"{time.monotonic() - begun:6.1f} s  {line}")

    return say
