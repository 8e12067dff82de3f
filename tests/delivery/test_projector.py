"""The read model equals a recomputation from the log, whatever happens to the projectors and their databases."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

import pytest

from shared.contracts import Recorded
from shared.contracts.registry import TeamFormed
from shared.db import Pool
from shared.projection import Projection, Rows, Table, fold_all
from shared.projection.worker import PROJECTOR_LOCK
from shared.wire import StreamClient
from tests.support import delivery, tally
from tests.support.delivery import running, write
from tests.support.servers import Nats


async def test_a_projector_killed_before_and_after_its_commit_counts_nothing_twice(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient, reader_dsn: str
) -> None:
    before, after = "projector.before_commit", "projector.after_commit"
    points = (f"{before}:3", f"{after}:2", before, after)
    numbers = iter(range(1, 1_000_000, 5))

    async def more() -> None:
        await write(producer, 5, start=next(numbers))
        await asyncio.sleep(0.02)

    async with running(delivery.relay(producer, client).run()):
        await write(producer, 1000, team="backlog")
        await delivery.crash("projector", reader_dsn, server.url, points, meanwhile=more)
        await delivery.relayed(producer, client)
        async with running(delivery.projector(reader, client).run()):
            await delivery.assert_read_model(reader, producer)


async def test_two_projectors_at_once_count_nothing_twice(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient
) -> None:
    """Each believes at times to be the only one: the leader's session is ended under it."""
    writers, other = delivery.Writers(producer, seed=4), await delivery.connect(server.url)
    await writers.prepare()
    async with running(
        delivery.relay(producer, client).run(),
        delivery.projector(reader, client, max_batch=20).run(),
        delivery.projector(reader, other, max_batch=20).run(),
    ):
        work = asyncio.ensure_future(writers.run(900))
        ended = 0
        while not work.done():
            await asyncio.sleep(0.25)
            ended += await _end_sessions_with(reader, PROJECTOR_LOCK)
        await work
        assert ended >= 1
        await delivery.relayed(producer, client)
        await delivery.assert_read_model(reader, producer)
    await other.close()


async def _end_sessions_with(pool: Pool, lock: int) -> int:
    async with pool.acquire() as conn:
        rows = await conn.fetch(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            lock,
        )
    return len(rows)


_HELD = (
    "select count(*) from pg_locks where objid = $1"
    " and database = (select oid from pg_database where datname = current_database())"
)


async def test_fenced_again_and_again_it_leaves_no_consumer_task_or_lock_behind(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        await write(producer, 5)
        await delivery.folded(reader, 5)
        tasks = len(asyncio.all_tasks())
        for start in range(6, 36, 5):
            async with reader.acquire() as conn:
                await conn.execute("update checkpoint set epoch = epoch + 1")
            await write(producer, 5, start=start)
            await delivery.folded(reader, start + 4)
        assert len((await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"]) == 1
        assert len(asyncio.all_tasks()) <= tasks + 1
        async with reader.acquire() as conn:
            assert await conn.fetchval(_HELD, PROJECTOR_LOCK) == 1
        await delivery.assert_read_model(reader, producer)


@pytest.mark.expects_errors
async def test_a_mistake_in_a_projection_stops_it_visibly_and_a_corrected_one_goes_on(
    producer: Pool, reader: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.projection.worker.SLOWLY", 0.3)
    wrong = Projection("tally", version=1, tables=tally.TALLY.tables)
    wrong.on(TeamFormed, needs=lambda _, __: [])(tally.count)
    async with running(delivery.relay(producer, client).run()):
        async with running(delivery.projector(reader, client, wrong).run()):
            await write(producer, 5)
            await delivery.eventually(partial(_stands, reader, "stopped"), what="stopped")
            await asyncio.sleep(1.5)  # it tries again meanwhile, and does not claim to live
            assert await _stands(reader, "stopped")
        async with running(delivery.projector(reader, client).run()):
            await delivery.eventually(partial(_stands, reader, "live"), what="live")
            await delivery.assert_read_model(reader, producer)


async def _stands(reader: Pool, state: str) -> bool:
    async with reader.acquire() as conn:
        return bool(await conn.fetchval("select state = $1 from follow_health", state))


@pytest.mark.expects_errors
async def test_too_many_poisonous_events_stop_it_before_the_limit_is_passed(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        async with producer.acquire() as conn, conn.transaction():
            await delivery.append(conn, *(delivery.formed(f"team-{n}", -1) for n in range(101)))
        await delivery.eventually(partial(_stands, reader, "stopped"), what="stopped")
        async with reader.acquire() as conn:
            parked = await conn.fetchval("select count(*) from parked")
            assert parked == await conn.fetchval("select pos from checkpoint"), "nothing was stepped over"
            assert parked <= 100


async def test_nats_away_is_said_and_waited_out(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient
) -> None:
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        await write(producer, 5)
        await delivery.folded(reader, 5)
        server.kill()
        await delivery.eventually(partial(_stands, reader, "unreachable"), what="unreachable")
        await write(producer, 5, start=6)
        await server.start()
        await delivery.relayed(producer, client)
        await delivery.assert_read_model(reader, producer)
        await delivery.eventually(partial(_stands, reader, "live"), what="live")


class Wider(NamedTuple):
    """A district's row as a later version shapes it."""

    district_id: str
    events: str
    first_seen: str


wider = Table("district_tally", Wider, key=1)


async def test_a_version_of_another_shape_takes_over(producer: Pool, reader: Pool, client: StreamClient) -> None:
    second = Projection("tally", version=2, tables=(wider,))

    @second.on(TeamFormed, needs=lambda _, e: [(wider, (e.unit_id,))])
    def shape(rows: Rows, rec: Recorded, event: TeamFormed) -> None:
        row = rows.get(wider, event.unit_id) or Wider(event.unit_id, "0", rec.id)
        rows.put(wider, row._replace(events=str(int(row.events) + 1)))

    async with running(delivery.relay(producer, client).run()):
        async with running(delivery.projector(reader, client).run()):
            await write(producer, 30)
            await delivery.folded(reader, 30)
        async with reader.acquire() as conn:  # what the release's migration does
            await conn.execute("drop table model.team_tally, model.district_tally, model.district_count")
            await conn.execute("create table model.district_tally (district_id text primary key, events text not null)")
            await conn.execute("alter table model.district_tally add first_seen text not null")
        async with running(delivery.projector(reader, client, second).run()):
            await write(producer, 1, start=31)
            await delivery.folded(reader, 31)
            assert await delivery.read_model(reader, second) == fold_all(second, await delivery.recorded(producer))
        async with reader.acquire() as conn:
            assert await conn.fetchval("select to_regclass('public.team_tally') is null")


async def test_a_new_version_is_built_beside_before_it_goes_on(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    async with running(delivery.relay(producer, client).run()):
        async with running(delivery.projector(reader, client).run()):
            await write(producer, 300)
            await delivery.folded(reader, 300)
        async with reader.acquire() as conn:  # rows that the new version's folds would not make
            await conn.execute("update tally_1.district_tally set events = 7")
        async with running(delivery.projector(reader, client, tally.make_tally(version=2)).run()):
            await write(producer, 20, start=301)
            await delivery.relayed(producer, client)
            await delivery.assert_read_model(reader, producer)
        async with reader.acquire() as conn:
            assert await conn.fetchval("select (version, build) = (2, 2) from projection")
            assert await conn.fetchval("select count(*) from pg_namespace where nspname = 'tally_1'") == 0


def test_rows_remember_what_was_loaded() -> None:
    """A key that was asked for and has no row is known to have none; any other key is a mistake."""
    rows = Rows()
    rows.load(tally.team_tally, {("a",): None})
    assert rows.get(tally.team_tally, "a") is None
    with pytest.raises(Exception, match="not named by needs"):
        rows.get(tally.team_tally, "b")
