"""The data folder of `phongtrao up`: who holds it, its secrets, the addresses of the running instance.

- `up.lock`: held while an instance runs
- `run.json`: its addresses, for `phongtrao status` and its sisters; there only while it runs
- `secrets/`: NATS passwords, signing key, key of the citizens' keyed hash; made once
- `clock.json`: where the demonstration stands
- `phongtrao.log`: what the services log
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from phongtrao.specs import SERVICES
from shared import bus


class AlreadyRunning(RuntimeError):
    """Another `phongtrao up` holds this data folder; the text says which one, and what to do."""


class Running(NamedTuple):
    """The addresses of a running instance. `database_url` has `{service}` where a service's name belongs."""

    pid: int
    url: str
    nats_url: str
    database_url: str


class Secrets(NamedTuple):
    """What an instance made for itself at its first start."""

    nats: dict[str, str]
    signing: ECKey
    citizen_key: str

    @property
    def keys(self) -> KeySet:
        """What tokens are verified with."""
        return KeySet([self.signing])


class Folder:
    """One data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log = self.path / "phongtrao.log"
        self.clock = self.path / "clock.json"
        self.signing = self.path / "secrets" / "signing.jwk"
        self._run = self.path / "run.json"
        self._lock = self.path / "up.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the folder for this process. Raises AlreadyRunning."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(
                f"another `phongtrao up` runs on {self.path}. Stop it, or choose another folder and port:"
                " PHONGTRAO_DATA=./second PHONGTRAO_PORT=8001"
            ) from None
        try:
            yield
        finally:
            self._run.unlink(missing_ok=True)
            os.close(descriptor)

    def announce(self, running: Running) -> None:
        """Writes the addresses down for the other commands."""
        write_private(self._run, json.dumps(running._asdict(), indent=2) + "\n")

    def running(self) -> Running | None:
        """The instance that runs on this folder now, if any. What a killed one left behind is not believed."""
        with suppress(FileNotFoundError, PermissionError):
            descriptor = os.open(self._lock, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(**json.loads(self._run.read_text()))
            finally:
                os.close(descriptor)
        return None

    def secrets(self) -> Secrets:
        """The instance's secrets, made the first time; readable by this user only."""
        folder = self.signing.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        users = (*SERVICES, bus.OPS)
        nats = _once(folder / "nats.json", lambda: json.dumps({u: secrets.token_urlsafe(24) for u in users}))
        _once(self.signing, lambda: json.dumps(new_key().as_dict(private=True)))
        citizen = _once(folder / "citizen.key", lambda: secrets.token_urlsafe(48))
        return Secrets(json.loads(nats), read_key(self.signing), citizen)


def new_key() -> ECKey:
    """A fresh ES256 key, named by its thumbprint."""
    return ECKey.generate_key("P-256", auto_kid=True)


def read_key(file: Path) -> ECKey:
    """A private key from a JWK file. Raises OSError or ValueError."""
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    try:
        key = ECKey.import_key(document)
    except JoseError as error:
        raise ValueError(f"{file} holds no key: {error}") from error
    if not key.is_private:
        raise ValueError(f"{file} holds a public key, which cannot sign")
    return key


def _once(file: Path, make: Any) -> str:
    if not file.exists():
        write_private(file, make())
    return file.read_text(encoding="utf-8")


def write_private(file: Path, text: str) -> None:
    """Writes a file as a whole, readable by this user only: a reader sees the old text or the new."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(file)
