"""How a command ends: the exit codes, and the failures that people can do something about as one line, not a traceback.

0 done; 1 differences, not ready, or refused; 2 wrong usage; 3 servers cannot be reached, or could not be started.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from shared.settings import Settings

T = TypeVar("T")

DONE, NO, USAGE, NOT_REACHED = 0, 1, 2, 3


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's work; a known failure becomes a line on stderr and its exit code."""
    with failures():
        return asyncio.run(work)


@contextmanager
def failures() -> Iterator[None]:
    """Turns what may go wrong outside of us into an exit code; what is our mistake keeps its traceback."""
    no, not_reached = _known()
    try:
        yield
    except* no as group:
        raise _leave(group, NO) from None
    except* not_reached as group:
        raise _leave(group, NOT_REACHED) from None


def _known() -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    import asyncpg

    from phongtrao import client, instance, operate, reach, serving
    from shared.db import MigrationChanged
    from shared.follow import HistoryCut
    from shared.projection import builds, trouble

    history = (HistoryCut, builds.HistoryMissing)
    ours = (client.Refusal, operate.NoBuild, MigrationChanged, trouble.UnknownInRebuild, trouble.ParkLimit)
    no = (*ours, *history, asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError)
    return no, (client.Unreachable, instance.AlreadyRunning, serving.PortInUse, reach.NotReached, *_embedded())


def _embedded() -> tuple[type[Exception], ...]:
    try:
        from phongtrao.embedded import ServerError
    except ImportError:  # without the extra there are no servers that could fail
        return ()
    return (ServerError,)


def _leave(error: BaseException, code: int) -> typer.Exit:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    print(f"phongtrao: {error}", file=sys.stderr)
    return typer.Exit(code)


def settings() -> Settings:
    """The settings of the environment; one that is not valid is wrong usage."""
    from pydantic import ValidationError

    from shared.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"PHONGTRAO_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise usage("; ".join(wrong) + "; see docs/settings.md") from None


def usage(text: str) -> typer.Exit:
    """The way out of a command that was called wrongly."""
    print(f"phongtrao: {text}", file=sys.stderr)
    return typer.Exit(USAGE)
