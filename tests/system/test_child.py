"""Who is killed with a child, and who is not."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from phongtrao._child import Child
from phongtrao.embedded import PostgresServer


@pytest.fixture
def sibling() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


class EndsBetweenTwoLooks(Child):
    looks = 0

    @property
    def pid(self) -> int | None:
        self.looks += 1
        return super().pid if self.looks == 1 else None


async def test_a_kill_of_a_child_that_has_just_ended_harms_no_other(
    tmp_path: Path, sibling: subprocess.Popen[bytes]
) -> None:
    child = EndsBetweenTwoLooks("sleep", tmp_path / "log", tmp_path / "lock", at_parent_death=signal.SIGKILL)
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    child.spawn([sys.executable, "-c", "import time; time.sleep(60)"], lock=lock)
    os.close(lock)

    child.kill()

    assert not child.running
    assert sibling.poll() is None


async def test_who_gives_up_while_a_cluster_is_made_leaves_no_process(tmp_path: Path) -> None:
    starting = asyncio.create_task(PostgresServer(tmp_path).start())
    async with asyncio.timeout(10):
        while not (making := named("initdb")):
            await asyncio.sleep(0.02)

    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting

    assert not set(making) & set(named("initdb"))


def named(name: str) -> list[psutil.Process]:
    """Our children, grandchildren and so on that have this name and are no zombies."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == name and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
