"""The live page: one renderer for all readers. It wakes on ticks, renders once a second at most, sends what changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, NamedTuple

from fastapi import Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.reporting import answers, present
from shared import bus
from shared.auth import ANYONE
from shared.cancellation import heed_cancellation
from shared.db import INFRASTRUCTURE_ERRORS
from shared.deps import Svc
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


class View(NamedTuple):
    """What a reader looks at: in which language, which district (None: the province), and whose unit is pointed out."""

    lang: Lang
    unit_id: str | None
    own_unit_id: str | None


Fragments = dict[str, str]


class Live:
    """Readers by view, each with a queue of the changes that it has not been sent."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._env = environment(present.PAGES)
        self._readers: dict[View, set[asyncio.Queue[Fragments]]] = {}
        self._last: dict[View, Fragments] = {}
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
            for view in [v for v, readers in self._readers.items() if readers]:
                try:
                    await self._send(view)
                except INFRASTRUCTURE_ERRORS as error:
                    log.warning("live_waits", reason=type(error).__name__)
                    heed_cancellation()
            await asyncio.sleep(AT_MOST_EVERY)

    async def _send(self, view: View) -> None:
        after = await self.render(view)
        if view not in self._readers:
            return  # the last of them left meanwhile
        changes = present.changed(self._last.get(view, {}), after)
        self._last[view] = after
        for queue in self._readers[view]:
            missed = queue.get_nowait() if queue.full() else {}
            queue.put_nowait({**missed, **changes})  # a slow reader misses steps, never the newest state of a fragment

    async def render(self, view: View) -> Fragments:
        """All fragments of a view, from the read models as they are now."""
        numbers, unit = await answers.numbers(self._service, view.unit_id)
        page = present.page(numbers, lang=view.lang, scope_unit_id=view.own_unit_id, unit=unit)
        return present.render_fragments(self._env, {"lang": view.lang, "page": page})

    async def changes(self, view: View) -> AsyncIterator[Fragments]:
        """First everything, so that a reader who was away is level; then changes."""
        queue: asyncio.Queue[Fragments] = asyncio.Queue(maxsize=1)
        self._readers.setdefault(view, set()).add(queue)
        try:
            yield await asyncio.shield(self.render(view))  # who leaves meanwhile breaks no transaction off
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


@routes.get("/live", response_class=EventSourceResponse, openapi_extra=who(ANYONE, "public: counts only"))
async def live_feed(
    request: Request,
    service: Svc,
    lang: Annotated[Lang, Query()] = "vi",
    unit: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    own: Annotated[str | None, Query(pattern=ID_PATTERN, description="The reader's unit, to be pointed out.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events `fragments`: JSON of element id → HTML, for the page at `/`. Not an API for programs: use
    ticks."""
    live: Live = service.extras["live"]
    async for fragments in live.changes(View(lang, unit, own)):
        if await request.is_disconnected():
            return
        if fragments:
            yield ServerSentEvent(raw_data=json.dumps(fragments, ensure_ascii=False), event="fragments")
