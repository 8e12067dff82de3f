"""docker-compose.yml as an operator runs it: secrets, keys, build, up; and a way to call it as anybody.

Everything is this run's own: project, volumes, port, secrets. Nothing of it stays.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from phongtrao.instance import read_key
from shared import auth
from shared.auth import Caller, Role

ROOT = Path(__file__).parents[2]
ISSUER, AUDIENCE = "phongtrao-trial", "phongtrao"  # as in .env.example


class Deployment:
    """One project. `up()` first, `down()` always."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys = folder / "keys"
        self._env_file = folder / "compose.env"
        self._clients: list[httpx.Client] = []
        own = {
            "COMPOSE_PROJECT_NAME": f"phongtrao-test-{os.getpid()}",
            "COMPOSE_ENV_FILES": str(self._env_file),
            "PHONGTRAO_PORT": f"127.0.0.1:{self.port}",
            "PHONGTRAO_IMAGE": "phongtrao:test",
            "PHONGTRAO_KEYS": str(self.keys),
            "PHONGTRAO_JWKS_FILE": str(self.keys / "jwks.json"),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PHONGTRAO_", "COMPOSE_"))}
        self._environment = {**inherited, **own}

    def up(self) -> None:
        """The four commands at the head of docker-compose.yml."""
        self._run("deploy/new-env.sh", str(self._env_file))
        self.compose("build")
        self._run("deploy/new-keys.sh")
        self.compose("up", "-d", "--wait", "--wait-timeout", "150")

    def down(self) -> None:
        """Removes containers, networks and volumes."""
        for client in self._clients:
            client.close()
        self.compose("--profile", "ops", "down", "--volumes", "--timeout", "5")

    def compose(self, *arguments: str, stdin: str = "", may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """`docker compose ARGUMENTS`; what it printed. A failure is an error with its last lines, unless allowed."""
        return self._run("docker", "compose", *arguments, stdin=stdin, may_fail=may_fail)

    def script(self, *command: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """One of the scripts in `deploy/`."""
        return self._run(*command, may_fail=may_fail)

    def ops(self, *arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """`phongtrao ARGUMENTS` as an operator."""
        return self.compose("run", "--rm", "--no-deps", "-T", "ops", *arguments, may_fail=may_fail)

    def token(self, *arguments: str) -> str:
        """A token, made as an operator of a trial makes it."""
        return self._run("deploy/token.sh", *arguments).stdout.strip()

    def python(self, service: str, script: Path) -> str:
        """What a script prints that runs inside a service's container, with all that the service has."""
        return self.compose("exec", "-T", service, "python", "-", stdin=script.read_text()).stdout

    def client(self, *roles: Role, subject: str = "someone", units: Iterable[str] = (), **own: str) -> httpx.Client:
        """A client that calls through Caddy as this person; without roles it sends no token."""
        headers = {}
        if roles:
            caller = Caller(subject, frozenset(roles), tuple(units), **own)
            token = auth.issue(read_key(self.keys / "signing.jwk"), issuer=ISSUER, audience=AUDIENCE, caller=caller)
            headers["authorization"] = f"Bearer {token}"
        self._clients.append(httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False))
        return self._clients[-1]

    def secrets(self) -> list[str]:
        """Every secret of the environment file."""
        lines = self._env_file.read_text().splitlines()
        return [v for name, _, v in (line.partition("=") for line in lines) if name.isupper() and len(v) == 64]

    def standing(self, service: str) -> dict[str, Any]:
        """What `readyz` says, ready or not."""
        found: dict[str, Any] = httpx.get(f"{self.url}/{service}/readyz", timeout=30, trust_env=False).json()
        return found

    def logs(self, lines: int = 40) -> str:
        """The end of every container's log."""
        return self.compose("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), may_fail=True).stdout

    def _run(self, *command: str, stdin: str = "", may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=400,
            check=False,
        )
        if done.returncode and not may_fail:
            raise AssertionError(
                f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}"
            )
        return done


def eventually(look: Callable[[], Any], wanted: object, seconds: float = 30) -> None:
    """Looks until it sees what is wanted. Fails with what it saw last."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"after {seconds:.0f} s {seen!r}, not {wanted!r}"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
