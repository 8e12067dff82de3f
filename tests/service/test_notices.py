"""Events that are set aside are said on the bus, once they are: to whoever listens, at nobody's cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import nats.errors
import pytest

from services.outreach.app import SPEC as OUTREACH
from services.reporting.app import SPEC as REPORTING
from shared import asyncapi, bus, event_log
from shared.contracts import Event, parse
from shared.notices import EventParked, of_parked
from shared.projection.store import ParkedEvent
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack, stack

SUBJECT = bus.notice_subject("51", "reporting", "event_parked")
NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)


@pytest.fixture
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    async with stack(OUTREACH, REPORTING, postgres=postgres, nats=guarded_nats) as found:
        yield found


def golden(name: str, **changes: Any) -> Event:
    type_name = f"vn.cds.outreach.{name}.v1"
    return parse(type_name, json.dumps({**asyncapi.golden(type_name), **changes}))


def never_counted(number: int) -> Event:
    """What no read model can take out again."""
    return golden("guidance_withdrawn", guidance_id=f"ghost-{number}")


async def record(running: Stack, *events: Event) -> None:
    """Leaves events as a command would, and waits until they are folded or set aside."""
    outreach = running.services["outreach"]
    async with outreach.pool.acquire() as conn, conn.transaction():
        await event_log.append(conn, events, province="51", recorded_at=NOW, new_id=outreach.new_id)
    await running.caught_up()


async def parked(running: Stack) -> list[tuple[str, int]]:
    async with running.services["reporting"].pool.acquire() as conn:
        rows = await conn.fetch("select projection, pos from parked order by projection, pos")
    return [(row["projection"], row["pos"]) for row in rows]


async def listen(running: Stack) -> list[tuple[dict[str, Any], list[tuple[str, int]]]]:
    """What is heard as another service, each with what was set aside by then."""
    heard: list[tuple[dict[str, Any], list[tuple[str, int]]]] = []

    async def hears(message: Any) -> None:
        heard.append((json.loads(message.data), await parked(running)))

    client = running.services["outreach"].client
    await client.subscribe(SUBJECT, cb=hears)
    for _ in range(2):
        await client.flush()
    return heard


async def test_what_was_set_aside_is_said_after_its_commit_by_position_and_number(running: Stack) -> None:
    heard = await listen(running)
    await record(running, golden("campaign_launched"), never_counted(1), never_counted(2), golden("citizen_guided"))
    found = await parked(running)
    assert {pos for _, pos in found} == {2, 3}
    async with asyncio.timeout(10):
        while sum(notice["count"] for notice, _ in heard) < len(found):
            await asyncio.sleep(0.02)
    for notice, by_then in heard:
        assert set(notice) == {"projection", "stream", "first", "last", "count"}
        assert notice["stream"] == "outreach"
        said = [pos for name, pos in by_then if name == notice["projection"]]
        assert {notice["first"], notice["last"]} <= set(said), "it was committed before it was said"
    assert {notice["projection"] for notice, _ in heard} == {name for name, _ in found}


async def test_a_notice_that_cannot_be_sent_holds_up_nothing(
    running: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, refused = running.services["reporting"].client, []
    publish = client.publish

    async def fails(subject: str, *args: Any, **more: Any) -> None:
        if not subject.startswith(("notice.", "tick.")):
            return await publish(subject, *args, **more)
        refused.append(subject)
        raise nats.errors.OutboundBufferLimitError

    monkeypatch.setattr(client, "publish", fails)
    await record(running, golden("campaign_launched"), never_counted(1))
    await record(running, golden("citizen_guided"))
    assert SUBJECT in refused
    assert {pos for _, pos in await parked(running)} == {2}
    assert running.services["reporting"].dead_workers == []
    assert "events_parked" in caplog.text
    assert "projector_" not in caplog.text, "it did not even begin again"


def test_one_notice_for_each_projection_from_the_first_to_the_last() -> None:
    def aside(projection: str, pos: int) -> ParkedEvent:
        return ParkedEvent(projection, 1, "outreach", pos, "key", "type", "Nguyễn Văn An", b"", b"")

    events = [aside("progress", 7), aside("progress", 9), aside("places", 8)]
    assert of_parked(events) == [
        EventParked(projection="progress", stream="outreach", first=7, last=9, count=2),
        EventParked(projection="places", stream="outreach", first=8, last=8, count=1),
    ]
