"""Makes items of messages, some at a stretch, so that everything else in the process has its turn."""

from __future__ import annotations

import asyncio

from shared import telemetry
from shared.cloudevents import Message, Undecodable, decode
from shared.contracts import UnknownEvent
from shared.follow import Batch
from shared.projection.trouble import Item, UnknownInRebuild

SLICE = 500
"""Messages decoded at a stretch; then everything else in the process has a turn."""


class Decoder:
    """Makes items of messages, for one service. A strict one refuses events that this release does not know."""

    def __init__(self, service: str, *, strict: bool) -> None:
        self._service, self._strict = service, strict

    async def items(self, batch: Batch) -> list[Item]:
        """What became of each message. Raises UnknownInRebuild."""
        items: list[Item] = []
        for begin in range(0, len(batch.messages), SLICE):
            items += [self._item(batch.stream, m) for m in batch.messages[begin : begin + SLICE]]
            await asyncio.sleep(0)
        return items

    def _item(self, stream: str, message: Message) -> Item:
        try:
            return Item(message, decode(stream, message), None)
        except UnknownEvent as error:
            if self._strict:
                raise UnknownInRebuild(f"{stream} {message.pos}: {error}") from error
            telemetry.EVENTS_UNKNOWN.labels(self._service, stream).inc()
            return Item(message, None, None)
        except Undecodable as error:
            return Item(message, None, error)
