"""Services as processes of their own, as production runs them, so that a test may kill them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey, KeySet

from shared import auth
from shared.auth import Caller, Role
from tests.support.servers import Nats, Postgres
from tests.support.stack import CITIZEN_KEY, PASSWORDS

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class ServiceProcess:
    """`phongtrao serve NAME [--role ROLE]` on its own port; may be killed and started again any number of times."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path, *, role: str = "all") -> None:
        self.name, self.role, self.port, self.log = name, role, free_port(), log
        self._environment = {**os.environ, **environment, "PHONGTRAO_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts; returns at once."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "phongtrao", "serve", self.name, "--role", self.role],
                cwd=ROOT, env=self._environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    async def ready(self, *, within: float = 60.0) -> None:
        """Waits until it answers on `healthz`. Raises with its log's end when it ended or took too long."""
        deadline = time.monotonic() + within
        async with httpx.AsyncClient() as client:
            while time.monotonic() < deadline:
                try:
                    if (await client.get(f"{self.url}/{self.name}/healthz", timeout=1)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                if self._process is None or self._process.poll() is not None:
                    break
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer; its log ends:\n{self.log.read_text()[-3000:]}")

    @property
    def running(self) -> bool:
        """Whether the process exists now."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after five seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait()


class Processes:
    """Several services on databases of their own, on one Postgres and one NATS that the test owns too.

    A name may be followed by a role, `registry relay`: then only that part of the service is a process.
    """

    def __init__(self, names: list[str], postgres: Postgres, nats: Nats, folder: Path, **settings: object) -> None:
        self._key = ECKey.generate_key("P-256", auto_kid=True)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(KeySet([self._key]).as_dict(private=False)))
        self.postgres, self.nats = postgres, nats
        self._settings = {f"PHONGTRAO_{name.upper()}": str(value) for name, value in settings.items()}
        self.services = {name: self._process(name, keys, folder) for name in names}

    def _process(self, label: str, keys: Path, folder: Path) -> ServiceProcess:
        name, _, role = label.partition(" ")
        return ServiceProcess(name, self._environment(name, keys), folder / f"{label}.log", role=role or "all")

    def _environment(self, name: str, keys: Path) -> dict[str, str]:
        return {
            **self._settings,
            "PHONGTRAO_DATABASE_URL": self.postgres.dsn(name),
            "PHONGTRAO_NATS_URL": self.nats.url,
            "PHONGTRAO_NATS_PASSWORD": PASSWORDS[name],
            "PHONGTRAO_OIDC_JWKS": str(keys),
            "PHONGTRAO_CITIZEN_KEY": CITIZEN_KEY,
            "PYTHONPATH": str(ROOT),
        }

    async def start(self) -> None:
        """Makes the databases, starts all, waits until all answer."""
        for service in self.services.values():
            await self.postgres.ensure_database(service.name)
            service.start()
        for service in self.services.values():
            await service.ready()

    def stop(self) -> None:
        """Ends all."""
        for service in self.services.values():
            service.stop()

    def client(self, *roles: Role, **who: Any) -> httpx.AsyncClient:
        """A client with a token; ask for paths with `url`."""
        caller = Caller(who.pop("subject", "someone"), frozenset(roles), tuple(who.pop("units", ())), **who)
        token = auth.issue(self._key, issuer="phongtrao-embedded", audience="phongtrao", caller=caller)
        return httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=10)

    def url(self, path: str) -> str:
        """The full address of `/service/…`."""
        return self.services[path.split("/")[1]].url + path
