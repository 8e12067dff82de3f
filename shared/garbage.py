"""When a projector's process looks for cyclic garbage: between batches, when least is alive, not in the middle of one.

A batch is some hundred thousand living objects and none of them garbage. Left to itself Python looks through them each
time that the next 700 have come; that took a fifth of a projector's time (a third, at Python's own threshold).
"""

from __future__ import annotations

import gc
from functools import cache

YOUNG_EVERY, ALL_EVERY = 32, 2048
"""Commits from one look at what is new to the next, and at everything."""
_NOT_BEFORE = 500_000
"""Objects more than at the last look that make Python look by itself, whoever made them: several batches' worth."""


@cache
def leave_code_alone() -> None:
    """What is there already (code, mostly) is not looked at again: a tenth of a second in which nobody is answered,
    every few thousand requests (p99 of a command at 16 connections: 97 ms before, 36 since)."""
    gc.collect()
    gc.freeze()


@cache
def collect_rarely() -> None:
    """From here on this process follows this file."""
    leave_code_alone()
    gc.set_threshold(_NOT_BEFORE, 10, 10)


class Sweeper:
    """Counts commits."""

    def __init__(self) -> None:
        self._commits = 0

    def committed(self) -> None:
        """To be called after each commit."""
        self._commits += 1
        if self._commits % ALL_EVERY == 0:
            gc.collect()
        elif self._commits % YOUNG_EVERY == 0:
            gc.collect(1)
