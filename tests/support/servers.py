"""The real servers that tests run against: children of the test run, or containers, behind one interface.

`PHONGTRAO_TEST_SERVERS=containers` chooses containers of the official images; otherwise the embedded servers are used.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import asyncpg
import nats
from testcontainers.core.container import DockerContainer

from phongtrao.embedded import NatsServer, PostgresServer

IN_CONTAINERS = os.environ.get("PHONGTRAO_TEST_SERVERS", "embedded") == "containers"


class Server(Protocol):
    """What a test may do to any server."""

    @property
    def running(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def kill(self) -> None: ...
    def remove(self) -> None: ...


class Nats(Server, Protocol):
    """A NATS server with JetStream; `store_dir` may be copied and put back while it is stopped."""

    store_dir: Path

    @property
    def url(self) -> str: ...


class Postgres(Server, Protocol):
    """A Postgres server, durable as in production unless its settings say otherwise."""

    def __hash__(self) -> int: ...
    def dsn(self, database: str, *, user: str = "postgres") -> str: ...
    async def ensure_database(self, name: str) -> None: ...


def new_nats(data: Path, *, config: str | None = None) -> Nats:
    """A server of the chosen kind, not yet started."""
    return ContainerNats(data, config=config) if IN_CONTAINERS else NatsServer(data, config=config)


def new_postgres(data: Path, *, settings: Mapping[str, str] | None = None) -> Postgres:
    """A server of the chosen kind, not yet started."""
    return ContainerPostgres(settings=settings) if IN_CONTAINERS else PostgresServer(data, settings=settings)


class _Container:
    """One container on a host port that stays the same; a stop or a kill keeps its files."""

    def __init__(self, container: DockerContainer, inner_port: int) -> None:
        self.port = _free_port()
        self._container = container.with_bind_ports(inner_port, self.port)
        self._created = False

    @property
    def running(self) -> bool:
        if not self._created:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "running")

    async def start(self) -> None:
        if self._created:
            await asyncio.to_thread(self._container.get_wrapped_container().start)
        else:
            await asyncio.to_thread(self._container.start)
            self._created = True
        await _until(self._ready, 60)

    async def stop(self) -> None:
        if self._created:
            await asyncio.to_thread(self._container.get_wrapped_container().stop, timeout=30)

    def kill(self) -> None:
        wrapped = self._container.get_wrapped_container()
        wrapped.kill()
        wrapped.wait(timeout=10)

    def remove(self) -> None:
        if self._created:
            self._container.stop(force=True, delete_volume=True)
            self._created = False

    async def _ready(self) -> bool:
        raise NotImplementedError


class ContainerNats(_Container):
    """The official image, with the store on the host so that tests can copy it and put it back."""

    def __init__(self, data: Path, *, config: str | None = None, image: str = "nats:2") -> None:
        self.store_dir = data.absolute() / "jetstream"
        self.store_dir.mkdir(parents=True)
        written = data.absolute() / "nats.conf"
        written.write_text(
            'max_payload: 4MB\njetstream { store_dir: "/store", sync_interval: always }\n' + (config or "")
        )
        container = DockerContainer(image).with_command("--config /nats.conf")
        container = container.with_volume_mapping(written, "/nats.conf", "ro")
        super().__init__(container.with_volume_mapping(self.store_dir, "/store", "rw"), 4222)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def _ready(self) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            return await reader.read(5) == b"INFO "
        finally:
            writer.close()


class ContainerPostgres(_Container):
    """The official image, with the locale of the embedded server."""

    def __init__(self, *, settings: Mapping[str, str] | None = None, image: str = "postgres:18") -> None:
        options = [part for name, value in (settings or {}).items() for part in ("-c", f"{name}={value}")]
        container = DockerContainer(image).with_command(["postgres", "-c", "max_connections=200", *options])
        container = container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        locale = "--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --encoding=UTF8"
        super().__init__(container.with_env("POSTGRES_INITDB_ARGS", locale), 5432)

    def dsn(self, database: str, *, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    async def ensure_database(self, name: str) -> None:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await _execute(self.dsn("postgres"), f'create database "{name}"')

    async def _ready(self) -> bool:
        await _execute(self.dsn("postgres"), "select 1")
        return True


class Databases:
    """New databases on one server, each a copy of a template that was migrated once."""

    _numbers = itertools.count(1)

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._templates: dict[tuple[Path, ...], str] = {}
        self._made: list[str] = []

    async def create(self, *migration_folders: Path) -> str:
        """The address of a new database with these migrations applied, in the order given."""
        name = self._new_name("test")
        self._made.append(name)
        return await self.create_named(name, *migration_folders)

    async def create_named(self, name: str, *migration_folders: Path) -> str:
        """The same under a name; whoever wants it gone drops it."""
        template = await self._template(migration_folders)
        await _execute(self._server.dsn("postgres"), f'create database "{name}" template {template}')
        return self._server.dsn(name)

    async def drop(self) -> None:
        """Drop what was created since the last time, whoever is still connected."""
        while self._made:
            await _execute(self._server.dsn("postgres"), f"drop database if exists {self._made.pop()} with (force)")

    async def _template(self, folders: tuple[Path, ...]) -> str:
        if not folders:
            return "template0"
        if folders not in self._templates:
            name = self._new_name("template_of_test")
            await self._server.ensure_database(name)
            await _migrate(self._server.dsn(name), folders)
            self._templates[folders] = name
        return self._templates[folders]

    def _new_name(self, kind: str) -> str:
        return f"{kind}_{os.getpid()}_{next(self._numbers)}"


@cache
def databases_of(server: Postgres) -> Databases:
    """The same for the same server, with the templates that were made on it."""
    return Databases(server)


async def wipe_streams(url: str) -> None:
    """Delete every stream of a server that tests share."""
    client = await nats.connect(url)
    try:
        manager = client.jetstream()
        for stream in await manager.streams_info():
            await manager.delete_stream(stream.config.name or "")
    finally:
        await client.close()


async def _migrate(dsn: str, folders: Sequence[Path]) -> None:
    from shared.db import migrate

    await migrate(dsn, folders)


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _until(ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if await ready():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {seconds:.0f} s")
        await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
