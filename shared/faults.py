"""Named points at which a test may kill the process, as a power cut would. Without the variable they do nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

VARIABLE = "PHONGTRAO_CRASH_AT"
"""`point` or `point:n`: SIGKILL at the n-th passing of that point (1 is the first)."""

_armed: dict[str, Iterator[int]] = {}


def arm(target: str) -> None:
    """From now on the process dies at `target`, written as in the variable."""
    name, _, count = target.partition(":")
    _armed[name] = iter(range(1, int(count or 1)))


def point(name: str) -> None:
    """Marks a place between two steps that a crash may separate."""
    if _armed and name in _armed and next(_armed[name], None) is None:
        os.kill(os.getpid(), signal.SIGKILL)


if VARIABLE in os.environ:
    arm(os.environ[VARIABLE])
