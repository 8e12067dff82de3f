"""The stream equals the log, row for row, whatever happens to relay, server, sessions and stream."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import nats.errors
import pytest

from shared import bus, db, event_log, telemetry
from shared.contracts import registry
from shared.db import Conn, Pool
from shared.relay import LEADER_LOCK, batch_commands
from shared.service import Service, Spec
from shared.settings import Settings
from shared.standing import of as standing_of
from shared.wire import ApiError, Replies, StreamClient
from tests.support import delivery
from tests.support.delivery import Writers, running, write
from tests.support.servers import Nats

CRASH_POINTS = (
    "relay.before_sequence:3", "relay.after_sequence:2", "relay.after_state", "relay.before_publish:2",
    "relay.after_publish:2", "relay.after_ack:2",
)  # fmt: skip


async def test_a_relay_killed_at_each_step_loses_and_doubles_nothing(
    producer: Pool, server: Nats, client: StreamClient, producer_dsn: str
) -> None:
    writers = Writers(producer)
    await writers.prepare()
    await delivery.crash("relay", producer_dsn, server.url, CRASH_POINTS, meanwhile=partial(writers.run, 24))
    async with running(delivery.relay(producer, client).run()):
        await delivery.relayed(producer, client)
    await delivery.assert_stream_is_log(producer, server.url)
    await delivery.assert_order(producer, writers)


async def test_two_relays_late_commits_rollbacks_and_ended_sessions_keep_one_order(
    producer: Pool, server: Nats, client: StreamClient
) -> None:
    writers, second = Writers(producer, seed=2), await delivery.connect(server.url)
    await writers.prepare()
    async with running(delivery.relay(producer, client).run(), delivery.relay(producer, second).run()):
        work = asyncio.ensure_future(writers.run(1500))
        ended = 0
        while not work.done():
            await asyncio.sleep(0.3)
            ended += await _end_the_leaders_session(producer)
        await work
        assert ended >= 2
        total = await delivery.relayed(producer, client)
    await second.close()
    assert total == len(await delivery.assert_stream_is_log(producer, server.url))
    await delivery.assert_order(producer, writers)


async def _end_the_leaders_session(producer: Pool) -> int:
    async with producer.acquire() as conn:
        rows = await conn.fetch(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            LEADER_LOCK,
        )
    return len(rows)


async def test_two_sequencers_at_once_give_each_position_once(producer: Pool) -> None:
    """The lock is for speed. Without it the second one, which waited with an old view of the log, meets the key."""
    async with producer.acquire() as late, producer.acquire() as first, producer.acquire() as second:
        begun = late.transaction()
        await begun.start()
        await delivery.append(late, delivery.formed("late", 1))
        await write(producer, 3)
        async with first.transaction():
            assert await event_log.sequence(first) == 3
            await begun.commit()
            waiting = asyncio.ensure_future(event_log.sequence(second))
            await asyncio.sleep(0.2)
            assert not waiting.done()
        with pytest.raises(asyncpg.UniqueViolationError):
            await waiting
        assert await event_log.sequence(second) == 1
    rows = await delivery.log_rows(producer)
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    await delivery.assert_order(producer)


async def test_positions_cost_the_same_after_the_stage_was_cleared(producer: Pool) -> None:
    """Statistics then say that it is empty: a plan that trusts them compares each row with each."""
    async with producer.acquire() as conn:
        await event_log.ready_to_sequence(conn)
        touched = []
        for cleared in (False, True):
            if cleared:
                await event_log.tidy(conn)
            await write(producer, 1000, team=f"cleared-{cleared}")
            before = await _rows_of_stage_read(conn)
            assert await event_log.sequence(conn) == 1000
            touched.append(await _rows_of_stage_read(conn) - before)
    assert touched[1] <= 3 * 1000, f"rows read for 1,000 positions: {touched}"


async def _rows_of_stage_read(conn: Conn) -> int:
    await conn.execute("select pg_stat_force_next_flush()")
    return int(
        await conn.fetchval(
            "select idx_tup_fetch + seq_tup_read + coalesce((select sum(idx_tup_read) from pg_stat_user_indexes"
            " where relname = 'stage'), 0) from pg_stat_user_tables where relname = 'stage'"
        )
    )


async def test_nats_killed_during_a_backlog_with_writers(producer: Pool, server: Nats, client: StreamClient) -> None:
    writers = Writers(producer, seed=3)
    await writers.prepare()
    await write(producer, 12_000, team="backlog")
    async with running(delivery.relay(producer, client).run()):
        work = asyncio.ensure_future(writers.run(600, pause=0.01))
        for _ in range(3):
            await delivery.eventually(lambda: _beyond(client, 500), what="some of it was published")
            server.kill()
            await asyncio.sleep(0.1)
            await server.start()
        await work
        assert await delivery.relayed(producer, client) > 12_000
    await delivery.assert_stream_is_log(producer, server.url)


async def _beyond(client: StreamClient, sequence: int) -> bool:
    state = await bus.stream_state(client, "registry", delivery.PROVINCE)
    return state is not None and state["last_seq"] > sequence


async def test_half_a_batch_of_a_dead_relay_leaves_no_trace(producer: Pool, server: Nats, client: StreamClient) -> None:
    await bus.ensure_stream(client, "registry", delivery.PROVINCE)
    await write(producer, 10)
    async with producer.acquire() as conn:
        await event_log.sequence(conn)
        rows = await event_log.read(conn, after=0, limit=10)
    whole = batch_commands(rows, delivery.SOURCE, expected_last=0, reply="nowhere")
    await client.publish_prepared(whole[: whole.index(b"HPUB", len(whole) // 2)])
    await client.flush()
    async with running(delivery.relay(producer, client).run()):
        assert await delivery.relayed(producer, client) == 10
    await delivery.assert_stream_is_log(producer, server.url)


class SlowClient(StreamClient):
    """A connection whose next publish hangs until `go`: a process that was paused between reading and publishing."""

    def __init__(self) -> None:
        super().__init__()
        self.hold, self.held, self.go = False, asyncio.Event(), asyncio.Event()

    async def publish_prepared(self, commands: bytes) -> None:
        """Waits when it is told to."""
        if self.hold:
            self.held.set()
            await self.go.wait()
        await super().publish_prepared(commands)


async def test_a_batch_that_another_relay_overtook_fails_and_the_relay_goes_on(
    producer: Pool, server: Nats, client: StreamClient
) -> None:
    slow = SlowClient()
    await slow.connect(server.url, reconnected_cb=slow.reopened, max_reconnect_attempts=-1)
    sleeper = delivery.relay(producer, slow, ack_timeout=20)
    async with running(sleeper.run()):
        await write(producer, 5)
        await delivery.relayed(producer, client)
        slow.hold = True
        await write(producer, 5, start=6)
        await asyncio.wait_for(slow.held.wait(), 5)
        doubts = _doubts("ApiError")
        await asyncio.gather(_publish_behind_its_back(producer, client))
        slow.hold = False
        slow.go.set()
        await write(producer, 5, start=11)
        assert await delivery.relayed(producer, client) == 15
    assert _doubts("ApiError") > doubts
    await slow.close()
    await delivery.assert_stream_is_log(producer, server.url)


async def _publish_behind_its_back(producer: Pool, client: StreamClient) -> None:
    """What a second relay would do that believes to be the leader."""
    async with producer.acquire() as conn:
        while await event_log.sequence(conn) or await event_log.last_pos(conn) < 10:
            await asyncio.sleep(0.01)
        rows = await event_log.read(conn, after=5, limit=10)
    assert (await _try(client, rows, expected_last=5))["seq"] == 10


async def _try(client: StreamClient, rows: list[event_log.LogRow], *, expected_last: int) -> dict[str, object]:
    replies = Replies(client)
    await replies.open()
    reply, answer = replies.expect()
    await client.publish_prepared(batch_commands(rows, delivery.SOURCE, expected_last=expected_last, reply=reply))
    return await asyncio.wait_for(answer, 5)


def _doubts(reason: str) -> float:
    value = telemetry.REGISTRY.get_sample_value(
        "phongtrao_relay_doubts_total", {"service": "registry", "reason": reason}
    )
    return value or 0.0


@pytest.mark.parametrize("first", [3, 7], ids=["one_event", "a_batch"])
async def test_a_zombie_is_refused(producer: Pool, server: Nats, client: StreamClient, first: int) -> None:
    """An old process that wakes up and publishes what another has published since."""
    async with running(delivery.relay(producer, client).run()):
        await write(producer, 3)
        await delivery.relayed(producer, client)
        await write(producer, 5, start=4)
        await delivery.relayed(producer, client)
    async with producer.acquire() as conn:
        rows = await event_log.read(conn, after=first, limit=1 if first == 7 else 5)
    with pytest.raises(ApiError) as refused:
        await _try(client, rows, expected_last=first)
    assert refused.value.code == 10071
    await delivery.assert_stream_is_log(producer, server.url)


async def test_only_the_owner_may_publish(fresh_nats: Callable[..., Awaitable[Nats]]) -> None:
    passwords = {user: f"secret-of-{user}" for user in ("registry", "outreach", "courses", "reporting", bus.OPS)}
    server = await fresh_nats(bus.authorization(passwords, delivery.PROVINCE))
    owner = await bus.connect(server.url, user="registry", password=passwords["registry"])
    other = await bus.connect(server.url, user="outreach", password=passwords["outreach"])
    await bus.ensure_stream(owner, "registry", delivery.PROVINCE)
    await owner.request("cds.51.registry.team_formed._._", b"{}", timeout=2)
    with pytest.raises((TimeoutError, nats.errors.TimeoutError)):
        await other.request("cds.51.registry.team_formed._._", b"{}", timeout=0.5)
    with pytest.raises((TimeoutError, nats.errors.TimeoutError)):
        await other.api("STREAM.DELETE.REGISTRY_51", timeout=0.5)
    state = await bus.stream_state(owner, "registry", delivery.PROVINCE)
    assert state is not None
    assert state["last_seq"] == 1
    await owner.close()
    await other.close()


@pytest.mark.expects_errors
async def test_a_stream_ahead_of_the_log_stops_the_relay_and_readiness(
    producer: Pool, server: Nats, client: StreamClient, database: Callable[..., Awaitable[str]]
) -> None:
    """A database restored from an older copy: the stream knows events that the log has lost."""
    async with running(delivery.relay(producer, client).run()):
        await write(producer, 10)
        await delivery.relayed(producer, client)
    before = await delivery.stream_rows(server.url)
    older = await db.open_pool(await database(*delivery.PRODUCER_FOLDERS), size=5)
    service = _service(older, client)
    async with running(delivery.relay(older, client).run()):
        for number in (6, 4, 4):  # shorter than the stream, as long, longer, but with other events
            diverged = _doubts("Diverged")
            await write(older, number)
            await delivery.eventually(partial(_doubted_since, diverged), what="Diverged")
            standing = await standing_of(service)
            assert not standing.ready
            assert any("the stream" in reason for reason in standing.reasons), standing.reasons
    assert await delivery.stream_rows(server.url) == before
    older.terminate()


async def _doubted_since(count: float) -> bool:
    return _doubts("Diverged") > count


def _service(pool: Pool, client: StreamClient) -> Service:
    spec = Spec("registry", "", "", (), db.PRODUCER, publishes=(registry.TeamFormed,))
    service = Service(spec, Settings(ready_lag_seconds=0.1), keys=[])  # type: ignore[arg-type]
    service.pool, service.client = pool, client
    return service


async def test_an_older_copy_of_the_store_is_refilled_by_an_idle_relay(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient, tmp_path: object
) -> None:
    copy = server.store_dir.with_name("copy")
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        await write(producer, 700)
        await delivery.folded(reader, await delivery.relayed(producer, client))
        await server.stop()
        shutil.copytree(server.store_dir, copy)
        await server.start()
        await write(producer, 900, start=701)
        await delivery.folded(reader, await delivery.relayed(producer, client))
        await server.stop()
        shutil.rmtree(server.store_dir)
        shutil.copytree(copy, server.store_dir)
        await server.start()
        assert await delivery.relayed(producer, client) == 1600  # nobody wrote: the relay looked by itself
        await write(producer, 100, start=1601)
        assert await delivery.relayed(producer, client) == 1700
        await delivery.assert_read_model(reader, producer)
    await delivery.assert_stream_is_log(producer, server.url)


@pytest.mark.parametrize("how", ["store_wiped", "deleted_by_an_operator"])
async def test_a_lost_stream_is_made_again_with_the_same_numbers(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient, how: str
) -> None:
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        await write(producer, 1500)
        await delivery.folded(reader, await delivery.relayed(producer, client))
        if how == "store_wiped":
            await server.stop()
            shutil.rmtree(server.store_dir)
            await server.start()
        else:
            await client.api(f"STREAM.DELETE.{delivery.STREAM}")
        await write(producer, 50, start=1501)
        assert await delivery.relayed(producer, client) == 1550
        await delivery.assert_read_model(reader, producer)
    await delivery.assert_stream_is_log(producer, server.url)


async def test_followers_say_that_they_wait_for_a_refill(producer: Pool, reader: Pool, client: StreamClient) -> None:
    at_work = delivery.projector(reader, client)
    async with running(at_work.run()):
        async with running(delivery.relay(producer, client).run()):
            await write(producer, 20)
            await delivery.folded(reader, await delivery.relayed(producer, client))
        await client.api(f"STREAM.DELETE.{delivery.STREAM}")
        await delivery.eventually(lambda: _health_is(reader, "no_stream"), what="no_stream")
        await bus.ensure_stream(client, "registry", delivery.PROVINCE)
        await delivery.eventually(lambda: _health_is(reader, "waiting_for_refill"), what="waiting_for_refill")
        async with running(delivery.relay(producer, client).run()):
            await delivery.eventually(lambda: _health_is(reader, "live"), what="live")
            await delivery.assert_read_model(reader, producer)


async def _health_is(reader: Pool, state: str) -> bool:
    async with reader.acquire() as conn:
        return bool(await conn.fetchval("select state = $1 from follow_health where stream = 'registry'", state))


async def test_what_no_stream_could_carry_never_enters_the_log(producer: Pool) -> None:
    for bad in ("5 33", "5.33", "*", "a\r\nPUB x 0"):
        with pytest.raises(ValueError, match="no subject"):
            async with producer.acquire() as conn, conn.transaction():
                await delivery.append(conn, delivery.formed("t", 1, unit_id=bad))
    huge = delivery.formed("t", 1).model_copy(update={"name": "x" * event_log.MAX_EVENT})
    with pytest.raises(ValueError, match="characters"):
        async with producer.acquire() as conn, conn.transaction():
            await delivery.append(conn, huge)


async def test_ids_that_headers_cannot_carry_arrive_as_they_were(
    producer: Pool, reader: Pool, server: Nats, client: StreamClient
) -> None:
    async with running(delivery.relay(producer, client).run(), delivery.projector(reader, client).run()):
        for team in ("tổ-số-1", "100%", "a\r\nNats-Expected-Last-Sequence: 7"):
            await write(producer, 1, team=team)
        await delivery.relayed(producer, client)
        await delivery.assert_read_model(reader, producer)
    await delivery.assert_stream_is_log(producer, server.url)
    message = await client.api(f"STREAM.MSG.GET.{delivery.STREAM}", {"seq": 3})
    assert "Nats-Expected" not in json.dumps(message)
