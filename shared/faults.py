"""Named points at which a test may kill the process, as a power cut would. Without the variable they do nothing."""

from __future__ import annotations

import os
import signal

VARIABLE = "PHONGTRAO_CRASH_AT"
"""`point` or `point:n`: SIGKILL at the n-th passing of that point (1 is the first)."""

_target, _, _count = os.environ.get(VARIABLE, "").partition(":")
_passings = iter(range(1, int(_count or 1)))


def point(name: str) -> None:
    """Marks a place between two steps that a crash may separate."""
    if name == _target and next(_passings, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
