"""A cancellation that was swallowed underneath is raised after all, so that what works for ever can be ended.

Python hands a cancellation to a task once. It is lost when a task group was breaking off at that moment because of an
error of its own, when `asyncio.wait_for` (before 3.12) has its answer at that moment, or when giving a connection back
fails because the server is going away too: a loop that takes the error for all that happened goes on for ever.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raises CancelledError if the current task was ever told to end. Call it wherever a loop goes on after an error.

    Time limits and task groups cancel their own task too, and take it back: only the wishes of others count. But a
    group whose body is over takes nothing back (before Python 3.13), so let the body do one of the group's works.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
