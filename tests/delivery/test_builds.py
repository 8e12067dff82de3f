"""Verification and rebuild, beside a projector that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared import bus
from shared.contracts import EVENTS
from shared.db import Pool
from shared.projection import fold_all, store
from shared.projection.builds import HistoryMissing, Workshop
from shared.projection.engine import Engine, UnknownInRebuild
from shared.projection.worker import SLOWLY
from shared.wire import StreamClient
from tests.support import delivery
from tests.support.delivery import running, write
from tests.support.tally import TALLY


@asynccontextmanager
async def at_work(producer: Pool, reader: Pool, client: StreamClient, count: int) -> AsyncIterator[Workshop]:
    """Relay and projector, `count` events folded, and a workshop."""
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        for team in range(5):
            await write(producer, count // 5, team=f"team-{team}")
        await delivery.folded(reader, await delivery.relayed(producer, client))
        yield Workshop(reader, client, "reporting", delivery.PROVINCE, max_batch=100)


async def schemas(reader: Pool) -> list[str]:
    """The builds that exist."""
    async with reader.acquire() as conn:
        rows = await conn.fetch("select nspname from pg_namespace where nspname like 'tally\\_%' order by 1")
    return [r["nspname"] for r in rows]


async def test_verification_finds_what_was_tampered_with_and_shows_both_sides(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    async with at_work(producer, reader, client, 500) as workshop:
        clean = await workshop.verify(TALLY)
        assert (clean.total, clean.positions) == (0, {"registry": 500})
        async with reader.acquire() as conn:
            await conn.execute("update tally_1.district_tally set events = events + 1")
            await conn.execute("delete from tally_1.team_tally where team_id = 'team-1'")
            await conn.execute("insert into tally_1.team_tally values ('ghost', '533', 1, 0, '')")
        found = await workshop.verify(TALLY)
        assert found.total == 3
        sides = {d.table + (d.live or d.recomputed or "")[:30]: d for d in found.differences}
        assert len(sides) == 3
        ghost = next(d for d in found.differences if d.live and "ghost" in d.live)
        assert ghost.recomputed is None
        missing = next(d for d in found.differences if d.recomputed and "team-1" in d.recomputed)
        assert missing.live is None
        counted = next(d for d in found.differences if d.table == "district_tally")
        assert '"events": 501' in (counted.live or "")
        assert '"events": 500' in (counted.recomputed or "")
        assert await schemas(reader) == ["tally_1"], "what was built to compare is thrown away"


async def test_builds_are_compared_at_the_position_of_the_one_in_service(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    """The projector is behind; what it has not folded is no difference."""
    async with at_work(producer, reader, client, 250) as workshop:
        pass
    async with running(delivery.relay(producer, client).run()):
        await write(producer, 70, team="later")
        await delivery.relayed(producer, client)
    for compare in (workshop.verify, workshop.rebuild):
        found = await compare(TALLY)
        assert (found.total, found.positions) == (0, {"registry": 250})
    async with reader.acquire() as conn:
        assert await conn.fetchval("select pos from checkpoint") == 250


async def test_a_rebuild_never_shows_an_empty_table_and_the_projector_goes_on(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    seen: list[int] = []

    async def poll() -> None:
        while True:
            async with reader.acquire() as conn:
                seen.append(await conn.fetchval("select sum(events)::bigint from district_tally"))
            await asyncio.sleep(0.001)

    async def produce() -> None:
        for number in range(1, 100_000):
            await write(producer, 1, team="meanwhile", start=number)
            await asyncio.sleep(0.005)

    async with at_work(producer, reader, client, 1000) as workshop:
        async with running(poll(), produce()):
            for build in (2, 3):
                assert (await workshop.rebuild(TALLY)).total == 0
                assert await schemas(reader) == [f"tally_{build}"]
                await asyncio.sleep(0.2)
        await delivery.relayed(producer, client)
        await delivery.assert_read_model(reader, producer)
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert seen[0] >= 1000


async def test_an_event_long_after_a_rebuild_finds_the_new_build_at_once(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    """The projector had nothing to do when its tables were replaced; that they are gone is no error."""
    async with at_work(producer, reader, client, 100) as workshop:
        await workshop.rebuild(TALLY)
        assert await schemas(reader) == ["tally_2"]
        await write(producer, 1, team="late")
        async with asyncio.timeout(SLOWLY / 2):
            await delivery.folded(reader, await delivery.relayed(producer, client))


async def test_a_rebuild_repairs_and_sweeps_up_what_a_crash_left(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    async with at_work(producer, reader, client, 500) as workshop:
        async with reader.acquire() as conn, conn.transaction():
            await conn.execute("update tally_1.district_tally set events = 1")
            left = await store.begin_build(conn, TALLY)
        assert (await workshop.rebuild(TALLY)).total == 1
        assert await schemas(reader) == [f"tally_{left + 1}"]
        await delivery.assert_read_model(reader, producer)


async def test_a_type_of_tomorrow_is_stepped_over_live_but_no_rebuild_leaves_it_out(
    producer: Pool, reader: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer producer publishes what this release does not know."""
    async with at_work(producer, reader, client, 50) as workshop:
        async with producer.acquire() as conn:
            await conn.execute(
                "insert into stage (event_id, type, subject, key, occurred_at, recorded_at, payload) values"
                " ('x', 'vn.cds.registry.of_tomorrow.v1', 'cds.51.registry.of_tomorrow._._', 'x', now(), now(), '{}')"
            )
        assert "vn.cds.registry.of_tomorrow.v1" not in EVENTS
        await delivery.folded(reader, await delivery.relayed(producer, client))
        with pytest.raises(UnknownInRebuild, match="registry 51"):
            await workshop.rebuild(TALLY)
        assert await schemas(reader) == ["tally_1"]
        await write(producer, 1, team="later")
        await delivery.folded(reader, 52)


async def test_a_parked_event_is_retried_beside_the_live_projector(
    producer: Pool, reader: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(producer, reader, client, 50):
        async with producer.acquire() as conn, conn.transaction():
            await delivery.append(conn, delivery.formed("sick", -1), delivery.formed("sick", 2))
        await delivery.folded(reader, 52)
        async with producer.acquire() as conn:  # what a corrected release would make of it
            sick = (await reader_parked(reader))[0]
        healed = sick._replace(payload=sick.payload.replace(b'"-1"', b'"1"'))
        async with reader.acquire() as conn, conn.transaction():
            await store.unpark(conn, [sick])
            await store.park(conn, [healed])
        assert await Engine(reader, "cli", {TALLY: 1}).retry(healed, TALLY) == 2
        await write(producer, 3, team="sick", start=3)
        await delivery.folded(reader, await delivery.relayed(producer, client))
        assert await reader_parked(reader) == []
        found = await delivery.read_model(reader)
        events = await delivery.recorded(producer)
        right = [e._replace(event=delivery.formed("sick", 1)) if e.pos == 51 else e for e in events]
        assert found == fold_all(TALLY, right)


async def reader_parked(reader: Pool) -> list[store.ParkedEvent]:
    """All that is parked."""
    async with reader.acquire() as conn:
        return await store.parked(conn, {"tally": 1})


async def test_a_build_waits_for_a_lost_tail_but_not_for_ever(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    """The relay refills a stream from its log. While none runs, a build would hold up everyone who waits for it."""
    async with at_work(producer, reader, client, 250):
        pass
    await client.api(f"STREAM.DELETE.{delivery.STREAM}")
    await bus.ensure_stream(client, "registry", delivery.PROVINCE)
    hasty = Workshop(reader, client, "reporting", delivery.PROVINCE, max_batch=100, patience=0.3)
    with pytest.raises(HistoryMissing, match=r"registry: 250 was folded, the stream ends at 0, .* is it running"):
        await hasty.rebuild(TALLY)
    assert await schemas(reader) == ["tally_1"], "what was begun is thrown away"
    waits = asyncio.ensure_future(Workshop(reader, client, "reporting", delivery.PROVINCE).rebuild(TALLY))
    await asyncio.sleep(0.3)
    assert not waits.done()
    async with running(delivery.relay(producer, client).run()):
        compared = await asyncio.wait_for(waits, 10)
    assert (compared.total, compared.positions) == (0, {"registry": 250})
