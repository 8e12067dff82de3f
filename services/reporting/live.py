"""The live page: one renderer for all readers. It wakes on ticks, renders once a second at most, sends what changed.

The numbers of a page are read once for all who look at it, in whatever language and with whatever unit pointed out.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, NamedTuple

from fastapi import Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.reporting import answers, mapped, present
from services.reporting.answers import Question
from services.reporting.shapes import Numbers, UnitItem
from shared import bus
from shared.auth import ANYONE
from shared.cancellation import heed_cancellation
from shared.db import INFRASTRUCTURE_ERRORS
from shared.deps import Svc
from shared.errors import Problem
from shared.http import ID_PATTERN, router, who
from shared.service import Service
from shared.telemetry import logger
from shared.web import Lang, environment

log = logger(__name__)
routes = router("live")

AT_MOST_EVERY = 1.0
"""Seconds between two renderings while something happens."""
AT_LEAST_EVERY = 5.0
"""Seconds after which the page is rendered although nothing happened: time passes, and readers see that we are
there."""


AT_MOST = 0.1
"""Share of the time that the numbers of one page may take: those that take long are read less often."""


class View(NamedTuple):
    """What a reader looks at: in which language, about what, and whose unit is pointed out."""

    lang: Lang
    of: Question
    own_unit_id: str | None


Fragments = dict[str, str]
Shown = tuple[Numbers, UnitItem | None]


class Live:
    """Readers by view, each with a queue of the changes that it has not been sent."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._env = environment(present.PAGES)
        self._readers: dict[View, set[asyncio.Queue[Fragments]]] = {}
        self._last: dict[View, Fragments] = {}
        self._not_before: dict[Question, float] = {}
        self._moved = asyncio.Event()

    async def start(self) -> None:
        """Listens for ticks, and renders in the background."""
        await self._service.client.subscribe(
            bus.tick_subject(self._service.province, self._service.name), cb=self._on_tick
        )
        self._service.background(self._render_for_ever(), "live")

    async def _on_tick(self, _: object) -> None:
        self._moved.set()

    async def _render_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AT_LEAST_EVERY):
                    await self._moved.wait()
            self._moved.clear()
            for of, views in self._looked_at():
                try:
                    await self._send(of, views)
                except INFRASTRUCTURE_ERRORS as error:
                    log.warning("live_waits", reason=type(error).__name__)
                    heed_cancellation()
            await asyncio.sleep(AT_MOST_EVERY)

    def _looked_at(self) -> list[tuple[Question, list[View]]]:
        """What is due to be read again, each with its views."""
        found: dict[Question, list[View]] = {}
        for view, readers in self._readers.items():
            if readers:
                found.setdefault(view.of, []).append(view)
        self._not_before = {of: at for of, at in self._not_before.items() if of in found}
        now = time.monotonic()
        return [(of, views) for of, views in found.items() if self._not_before.get(of, now) <= now]

    async def _send(self, of: Question, views: list[View]) -> None:
        began = time.monotonic()
        numbers = await self._numbers(of)
        ended = time.monotonic()
        self._not_before[of] = ended + (ended - began) * (1 / AT_MOST - 1)
        for view in views:
            if view not in self._readers:
                continue  # the last of them left meanwhile
            after = self._rendered(view, numbers)
            changes = present.changed(self._last.get(view, {}), after)
            self._last[view] = after
            for queue in self._readers[view]:
                missed = queue.get_nowait() if queue.full() else {}
                # A slow reader misses steps, never the newest of a fragment.
                queue.put_nowait(present.together(missed, changes))

    async def _numbers(self, of: Question) -> Shown:
        """The numbers of a page as they are now; of a map that is no longer there, those of the usual one."""
        try:
            return await answers.numbers(self._service, of)
        except Problem:
            return await answers.numbers(self._service, of._replace(map=None))

    def _rendered(self, view: View, shown: Shown) -> Fragments:
        numbers, unit = shown
        page = present.page(
            numbers, lang=view.lang, scope_unit_id=view.own_unit_id, unit=unit, keeps_map=view.of.map is not None
        )
        return present.render_fragments(self._env, {"lang": view.lang, "page": page})

    async def render(self, view: View) -> Fragments:
        """All fragments of a view, from the read models as they are now."""
        return self._rendered(view, await self._numbers(view.of))

    async def changes(self, view: View) -> AsyncIterator[Fragments]:
        """First everything, so that a reader who was away is level; then changes."""
        queue: asyncio.Queue[Fragments] = asyncio.Queue(maxsize=1)
        self._readers.setdefault(view, set()).add(queue)
        try:
            first = await asyncio.shield(self.render(view))  # who leaves meanwhile breaks no transaction off
            if len(self._readers[view]) == 1:  # nobody else waits for what comes after something older
                self._last.setdefault(view, first)
            yield first
            while True:
                yield await queue.get()
        finally:
            self._readers[view].discard(queue)
            if not self._readers[view]:  # views are named by whoever asks: the last to leave one takes it along
                del self._readers[view]
                self._last.pop(view, None)


async def start(service: Service) -> None:
    """Reporting's `on_start`."""
    live = Live(service)
    service.extras["live"] = live
    await live.start()


async def looked_at(
    service: Svc,
    unit: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    map: Annotated[str | None, Query(description="The name of a map, or a day of it.")] = None,  # noqa: A002
) -> Question:
    """What the page is about. Raises 422 for a map that is not there; a map has one name, so that views are shared."""
    if map is None:
        return Question(unit)
    async with answers.snapshot(service) as conn:
        atlas = await mapped.atlas_of(service, conn)
    return Question(unit, atlas.find(map).key)


@routes.get("/live", response_class=EventSourceResponse, openapi_extra=who(ANYONE, "public: counts only"))
async def live_feed(
    request: Request,
    service: Svc,
    of: Annotated[Question, Depends(looked_at)],
    lang: Annotated[Lang, Query()] = "vi",
    own: Annotated[str | None, Query(pattern=ID_PATTERN, description="The reader's unit, to be pointed out.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events `fragments`: JSON of element id → HTML, for the page at `/`. Not an API for programs: use
    ticks."""
    live: Live = service.extras["live"]
    async for fragments in live.changes(View(lang, of, own)):
        if await request.is_disconnected():
            return
        if fragments:
            yield ServerSentEvent(raw_data=json.dumps(fragments, ensure_ascii=False), event="fragments")
