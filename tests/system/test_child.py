"""What becomes of our other children when one is killed at the very moment that it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phongtrao._child import Child


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
