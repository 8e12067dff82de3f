"""A folder in memory: making and dropping thousands of databases is mostly making and deleting files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SHARED = Path("/dev/shm")
ENOUGH = 3 * 2**30
"""Bytes that must be free, as files there and in memory at all; a run of all tests takes a tenth of it."""
_MARK = "phongtrao-tests-"


@contextmanager
def in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory that ends with the block; the other one where there is too little of it.

    Runs that were killed leave theirs behind: the next one removes them.
    """
    if not _enough():
        yield otherwise
        return
    for left in SHARED.glob(f"{_MARK}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(_MARK).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_MARK}{os.getpid()}-", dir=SHARED))
    folder.chmod(0o755)  # Postgres runs as another user when root has started it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _enough() -> bool:
    if not SHARED.is_dir() or not os.access(SHARED, os.W_OK):
        return False
    return min(shutil.disk_usage(SHARED).free, psutil.virtual_memory().available) > ENOUGH
