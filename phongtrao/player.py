"""Plays a schedule of actions by a clock, over HTTP: in order within a lane, lanes side by side, only a few at once."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime

from phongtrao.actions import Action
from phongtrao.client import Api
from shared.clock import Clock
from shared.telemetry import logger

log = logger(__name__)

LANES = 8
"""Requests under way at a time."""
_QUEUE = 50
_TICK = 0.02


class Player:
    """Sends each action when the clock says so. `played` tells how far everything has been answered."""

    def __init__(self, api: Api, clock: Clock, *, fresh: str | None = None) -> None:
        self._api, self._clock = api, clock
        self._queues: list[asyncio.Queue[Action]] = [asyncio.Queue(_QUEUE) for _ in range(LANES)]
        self._waiting: list[list[datetime]] = [[] for _ in range(LANES)]
        self._reached: datetime | None = None
        self._fresh: list[str | None] = [fresh] * LANES
        """What registry recorded and outreach has to know before the lane's next guidance: its `pos`."""
        self.stopped = False

    def played(self, otherwise: datetime) -> datetime:
        """The moment before which every action has been answered; `otherwise` before the first was sent."""
        pending = [at for lane in self._waiting for at in lane[:1]]
        return min(pending, default=self._reached or otherwise)

    def stop(self) -> None:
        """Sends nothing more; `play` returns when what is under way has been answered."""
        self.stopped = True

    async def play(self, plan: Sequence[Action]) -> None:
        """Returns when the whole plan has been answered, or after `stop`. `plan` is in order of time."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(number)) for number in range(LANES)]
            for action in plan:
                while self._clock() < action.at and not self.stopped:
                    await asyncio.sleep(_TICK)
                if self.stopped:
                    break
                await self._dispatch(action)
            for queue in self._queues:
                await queue.join()
            for worker in workers:
                worker.cancel()

    async def _dispatch(self, action: Action) -> None:
        number = zlib.crc32(action.lane.encode()) % LANES
        self._waiting[number].append(action.at)
        self._reached = action.at
        await self._queues[number].put(action)

    async def _work(self, number: int) -> None:
        queue = self._queues[number]
        while True:
            action = await queue.get()
            if not self.stopped:
                await self._send(action, number)
                self._waiting[number].pop(0)
            queue.task_done()

    async def _send(self, action: Action, number: int) -> None:
        service = action.path.split("/")[1]
        fresh = self._fresh[number] if service == "outreach" and action.path.endswith("/guidances") else None
        answer = await self._api.post(action.path, action.body, action.caller, key=action.key, min_pos=fresh)
        counts = self._api.counts
        counts["requests"] += 1
        if answer.is_error:
            counts["refused"] += 1
            log.info("action_refused", path=action.path, status=answer.status_code, problem=_problem(answer.json))
            return
        body = answer.json()
        if service == "registry":
            self._fresh[number] = body.get("pos") or self._fresh[number]
        elif fresh:
            self._fresh[number] = None
        for receipt in body.get("receipts", ()):
            counts[receipt["result"]] += 1


def _problem(read: Callable[[], object]) -> str:
    try:
        body = read()
    except ValueError:
        return "not a problem document"
    return str(body.get("type")) if isinstance(body, dict) else "not a problem document"
