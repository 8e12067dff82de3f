"""A server as a child process: one owner per folder, a log file, a bounded stop, and an end no later than ours."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

_LAUNCHER = Path(__file__).with_name("_launch.py")
_TIE = "pdeathsig" if sys.platform == "linux" else "pipe"
_POLL_SECONDS = 0.01
_LOCK_WAIT_SECONDS = 3.0
"""A predecessor that was killed needs a moment until its last process is gone."""


class ServerError(RuntimeError):
    """An embedded server could not do what was asked; the text says which log to read and what to do."""


class FolderInUse(ServerError):
    """Another running instance already uses this data folder."""


class Owner(NamedTuple):
    """The system user a child runs as."""

    uid: int
    gid: int


AS_WE_ARE = Owner(-1, -1)


class Child:
    """One child process at a time, started and stopped by name.

    The lock on `lock_file` is held by the child itself (an inherited descriptor), so it lasts exactly as long as any
    process of the server does, whatever happens to us.

    Not for threads that end before the server should: Linux ties a child to the thread that started it.
    """

    def __init__(self, name: str, log: Path, lock_file: Path, *, at_parent_death: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._lock_file = lock_file
        self._at_parent_death = at_parent_death
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process exists now."""
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        self._dismiss_the_watcher()
        return False

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[int]:
        """Hold the folder while preparing; a process that is spawned inside goes on holding it.

        Raises FolderInUse when another server keeps it for longer than a dying one would.
        """
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await self._take(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    async def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
                    raise FolderInUse(self._in_use(holder)) from None
                await asyncio.sleep(_POLL_SECONDS * 5)

    def _in_use(self, holder: str) -> str:
        return (
            f"{self.name}: another instance already uses the folder {self._lock_file.parent} (process {holder}). "
            "Stop it, or choose another folder with PHONGTRAO_DATA."
        )

    def spawn(self, command: Sequence[str | Path], *, lock: int, owner: Owner = AS_WE_ARE) -> None:
        """Start the process with the folder's lock; its output is appended to the log file."""
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        terms = [str(os.getpid()), str(int(self._at_parent_death)), str(owner.uid), str(owner.gid), _TIE]
        with open(self.log, "ab", opener=_private) as log:
            self._process = subprocess.Popen(
                [*launcher, *terms, *map(str, command)],
                stdin=subprocess.DEVNULL if _TIE == "pdeathsig" else subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C in the terminal is for us; the servers stop when we say so
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{self._process.pid}\n".encode(), 0)

    async def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; False when it still runs after that time."""
        deadline = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def until(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until `ready` says so; raises ServerError when the process ends first or the time is over."""
        deadline = time.monotonic() + seconds
        while not await ready():
            if not self.running:
                raise self.error("ended while it was starting", "Correct what the log says, then start again.")
            if time.monotonic() > deadline:
                await self.stop()
                raise self.error(f"was not ready after {seconds:.0f} s", "Look for a slow disk or a long recovery.")
            await asyncio.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL, to it and to the processes that it made; returns when it is gone."""
        family = self._family()
        self.send(signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # nor a stranger who was given its number since
                process.kill()
        if self._process is not None:
            self._process.wait(10)
            self._dismiss_the_watcher()

    def _family(self) -> list[psutil.Process]:
        pid = self.pid  # asked once: it may end at any moment, and psutil takes None for ourselves
        try:
            return psutil.Process(pid).children(recursive=True) if pid is not None else []
        except psutil.NoSuchProcess:
            return []

    def _dismiss_the_watcher(self) -> None:
        """Its server has ended; the number may be given to some other program, which it must not end."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b".")
                self._process.stdin.close()

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal and give it its seconds, until the process is gone; SIGKILL ends the list."""
        for sent, seconds in (*steps, (signal.SIGKILL, 10.0)):
            if not self.running:
                return
            self.send(sent)
            if await self.wait(seconds):
                return
        raise self.error("could not be stopped", "Look for a stuck disk, then end the process by hand.")

    def send(self, sent: signal.Signals) -> None:
        """Send a signal, if there is still a process to receive it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sent)

    def error(self, what: str, advice: str) -> ServerError:
        """An error with the last lines of the log, where to read the rest, and what to do."""
        tail = self.log.read_text(errors="replace").splitlines()[-5:] if self.log.exists() else []
        said = "".join(f"\n    {line}" for line in tail)
        return ServerError(f"{self.name} {what}. {advice}\n  Log: {self.log}{said}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
