"""What can go wrong with a batch, and an event with the reasons why it cannot be folded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import asyncpg

from shared.cloudevents import Message, key_of, type_of
from shared.columns import NoValue
from shared.contracts import EVENTS, Recorded
from shared.projection import Projection
from shared.projection.store import Checkpoint, ParkedEvent

DATA_ERRORS = (NoValue, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What the database says of values that it cannot store; trying again does not help."""

BUILD_GONE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
"""What the database says of a build that is dropped."""

ROW_TAKEN = asyncpg.UniqueViolationError
"""What the database says of a row that is not new after all: no event's fault, read models have no other unique keys.
Looked at afresh, it is replaced."""

Held = tuple[str, str, str]
"""(projection, stream, key) of an aggregate that waits behind an event of its own that was set aside."""

OnParked = Callable[[Sequence[ParkedEvent]], Awaitable[None]]
"""Called after a commit that set events aside, with these; it must not wait for anybody."""


class Fenced(RuntimeError):
    """Another engine moved these checkpoints. Nothing was written; begin again from the database's positions."""


class Gap(RuntimeError):
    """A batch begins behind the next position. Nothing was written; fetch again from the checkpoint."""


class ParkLimit(RuntimeError):
    """Too many events are parked: something is wrong with the projection, not with the events. It stops."""


class UnknownInRebuild(RuntimeError):
    """A rebuild met an event type that this release does not know; it must not leave it out."""


class Unwritable(Exception):
    """The database cannot store what a batch of this projection comes to: a data error of one of its events."""

    def __init__(self, projection: str, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.projection = projection


class Item(NamedTuple):
    """A message and what became of it: an event, or why it is none; and which projections cannot store its effect."""

    message: Message
    rec: Recorded | None
    error: Exception | None
    unwritable: tuple[Unwritable, ...] = ()

    @property
    def key(self) -> str:
        """The aggregate; order is kept within it, also when one of its events is parked."""
        return self.rec.event.key() if self.rec else key_of(self.message)

    def concerns(self, projection: Projection) -> bool:
        """Whether it is an event that this projection reads."""
        return self.rec is not None and type(self.rec.event) in projection.reactions

    def trouble(self, projection: Projection) -> str | None:
        """Why this projection cannot fold it; None when nothing is known against it."""
        if self.error and _may_concern(projection, type_of(self.message)):
            return f"{type(self.error).__name__}: {self.error}"
        return next((str(u) for u in self.unwritable if u.projection == projection.name), None)

    def parked(self, at: Checkpoint, reason: str) -> ParkedEvent:
        """As a row to be set aside."""
        message = self.message
        return ParkedEvent(
            at.projection, at.build, at.stream, message.pos, self.key, type_of(message), reason[:500],
            message.headers, message.data,
        )  # fmt: skip


def _may_concern(projection: Projection, type_name: str) -> bool:
    """A broken event of a type that the projection does not read is none of its business."""
    event = EVENTS.get(type_name)
    return event is None or event in projection.reactions
