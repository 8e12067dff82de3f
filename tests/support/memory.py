"""A folder in memory: making and dropping thousands of databases is mostly making and deleting files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SHARED = Path("/dev/shm")
ENOUGH = 3 * 2**30
"""Bytes that must be free, as files there and in memory at all; a run of all tests takes a tenth of it."""
_MARK, _LOCK = "phongtrao-tests-", "lock"


@contextmanager
def in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory that ends with the block; the other one where there is too little of it.

    Runs that were killed leave theirs behind: the next one removes them.
    """
    if not _enough():
        yield otherwise
        return
    for left in SHARED.glob(f"{_MARK}*/{_LOCK}"):
        with suppress(OSError), left.open() as held:  # in use, or somebody was faster
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_MARK, dir=SHARED))
    folder.chmod(0o755)  # Postgres runs as another user when root has started it
    with (folder / "being-made").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as long as we live; nobody sees it before it is held
        Path(lock.name).rename(folder / _LOCK)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _enough() -> bool:
    if not SHARED.is_dir() or not os.access(SHARED, os.W_OK):
        return False
    return min(shutil.disk_usage(SHARED).free, psutil.virtual_memory().available) > ENOUGH
