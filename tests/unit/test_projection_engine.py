"""The engine on a real Postgres: it holds what the folds in memory give, for any cut, repetition and bad event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import db
from shared.cloudevents import Message
from shared.contracts import Recorded
from shared.contracts.registry import TeamFormed
from shared.db import Pool
from shared.event_log import LogRow
from shared.follow import Batch
from shared.projection import Change, Projection, Rows, fold_all, store, store_rows
from shared.projection.builds import prepare
from shared.projection.engine import Engine, Fenced, Gap, ParkLimit, UnknownInRebuild
from shared.projection.pipeline import run_through
from shared.projection.store import ParkedEvent
from shared.relay import header_block
from tests.support import tally
from tests.support.delivery import NOW, READER_FOLDERS, SOURCE, formed, read_model
from tests.support.tally import TALLY

KINDS = ("good", "good", "good", "poisonous", "unwritable", "undecodable", "unknown")


class Sent(NamedTuple):
    """An event as a test made it: which team, and what is wrong with it."""

    team: str
    number: int
    kind: str = "good"


def event_of(sent: Sent) -> TeamFormed:
    """A poisonous one makes the fold raise; an unwritable one has a character that Postgres cannot store."""
    number = -1 if sent.kind == "poisonous" else sent.number
    return formed(sent.team, number, unit_id="5\x0033" if sent.kind == "unwritable" else f"d{sent.number % 3}")


def message(pos: int, sent: Sent) -> Message:
    """The event at a position, with the headers that the relay gives it."""
    event = event_of(sent)
    name = "vn.cds.registry.of_tomorrow.v1" if sent.kind == "unknown" else event.type_name()
    row = LogRow(pos, f"id-{pos}", name, "", event.key(), NOW, datetime(2023, 8, 1, tzinfo=UTC), "", "")
    data = b'{"nothing": 1}' if sent.kind == "undecodable" else event.model_dump_json().encode()
    return Message(pos, data, header_block(row, SOURCE))


def batch(events: list[Sent], first: int, last: int) -> Batch:
    """Positions `first … last` of a stream that holds `events`."""
    messages = [message(pos, events[pos - 1]) for pos in range(first, last + 1)]
    return Batch("registry", first, last, 0, messages)


def expected(events: list[Sent]) -> tuple[list[Recorded], list[int]]:
    """What must be folded, and which positions must be parked: a bad event, and all later ones of its team."""
    folded, parked, stuck = [], [], set()
    for pos, sent in enumerate(events, 1):
        if sent.kind == "unknown":
            continue
        if sent.kind != "good" or sent.team in stuck:
            stuck.add(sent.team)
            parked.append(pos)
        else:
            folded.append(Recorded("registry", pos, f"id-{pos}", NOW, event_of(sent)))
    return folded, parked


@pytest.fixture
async def pool(database: Callable[..., Awaitable[str]]) -> AsyncIterator[Pool]:
    """A reader's database with the first build of the tally."""
    made = await db.open_pool(await database(*READER_FOLDERS), size=6)
    async with made.acquire() as conn, conn.transaction():
        await store.begin_build(conn, TALLY)
    yield made
    made.terminate()


async def ready(pool: Pool, *projections: Projection, park_limit: int = 1000, strict: bool = False) -> Engine:
    """An engine at the database's positions."""
    builds = dict.fromkeys(projections or (TALLY,), 1)
    engine = Engine(pool, "reporting", builds, park_limit=park_limit, strict=strict)
    await engine.refresh()
    return engine


async def parked_at(pool: Pool) -> list[int]:
    """Positions that are parked."""
    return [event.pos for event in await parked_events(pool)]


async def position(pool: Pool) -> int:
    """The checkpoint."""
    async with pool.acquire() as conn:
        return int(await conn.fetchval("select pos from checkpoint where projection = 'tally'"))


async def agrees(pool: Pool, events: list[Sent]) -> None:
    """Rows, parked events and checkpoint are what `events` come to."""
    folded, parked = expected(events)
    assert await read_model(pool) == fold_all(TALLY, folded)
    assert await parked_at(pool) == parked
    assert await position(pool) == len(events)


async def empty(pool: Pool) -> None:
    """As if nothing had been folded yet."""
    async with pool.acquire() as conn:
        await conn.execute(
            "truncate tally_1.team_tally, tally_1.district_tally, tally_1.district_count, parked;"
            " update checkpoint set pos = 0"
        )


histories = st.lists(
    st.builds(Sent, st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 9), st.sampled_from(KINDS)),
    min_size=1,
    max_size=30,
)


@given(events=histories, data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_cut_and_any_repetition_gives_the_same_rows(
    pool: Pool, events: list[Sent], data: st.DataObject
) -> None:
    await empty(pool)
    ends = data.draw(st.sets(st.integers(1, len(events)), max_size=6), label="cuts")
    engine = await ready(pool)
    for begin, end in pairwise([0, *sorted(ends | {len(events)})]):
        again = data.draw(st.integers(0, begin), label="overlap")
        assert await engine.apply(batch(events, begin + 1 - again, end)) == end
        if data.draw(st.booleans(), label="whole batch again"):
            await engine.apply(batch(events, begin + 1 - again, end))
        if data.draw(st.booleans(), label="restart"):
            engine = await ready(pool)
    await agrees(pool, events)


@given(events=histories, data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_batches_folded_while_others_are_written_give_the_same_rows(
    pool: Pool, events: list[Sent], data: st.DataObject
) -> None:
    """A batch that cannot be stored is done again in halves while the next has been folded on top of it."""
    await empty(pool)
    ends = data.draw(st.sets(st.integers(1, len(events)), max_size=9), label="cuts")

    async def batches() -> AsyncIterator[Batch]:
        for begin, end in pairwise([0, *sorted(ends | {len(events)})]):
            yield batch(events, begin + 1, end)

    told: list[int] = []

    async def committed(pos: int) -> None:
        told.append(pos)
        assert await position(pool) >= pos

    await run_through(await ready(pool), batches(), committed)
    assert told == sorted(ends | {len(events)})
    await agrees(pool, events)


async def test_what_was_folded_on_top_of_a_failure_is_not_written(pool: Pool) -> None:
    """Two batches are under way when another engine has moved on: neither is applied, neither is lost."""
    events, one, two = some(12), await ready(pool), await ready(pool)
    await two.apply(batch(events, 1, 4))
    results = await asyncio.gather(
        one.apply(batch(events, 1, 6)), one.apply(batch(events, 7, 12)), return_exceptions=True
    )
    assert [type(r) for r in results] == [Fenced, Fenced]
    await agrees(pool, events[:4])
    assert await one.refresh() == {"registry": 4}
    await asyncio.gather(one.apply(batch(events, 5, 8)), one.apply(batch(events, 9, 12)))
    await agrees(pool, events)


async def test_counters_sum_numbers_and_keep_the_latest_moment_and_the_first_text(pool: Pool) -> None:
    early, late = NOW - timedelta(days=1), NOW + timedelta(days=1)
    for rows in ([("d", "one", 2, NOW)], [("d", None, -5, early), ("e", None, 0, NOW)], [("d", "two", 1, late)]):
        async with pool.acquire() as conn:
            await store_rows.write(
                conn, store_rows.statement("tally_1", [Change(tally.district_counts, rows, new=False)])
            )
    async with pool.acquire() as conn:
        found = await conn.fetch("select * from tally_1.district_count order by 1")
    assert [tuple(r) for r in found] == [("d", "one", -2, late), ("e", None, 0, NOW)]
    added = ["one", 2, NOW]
    for more in ((None, -5, early), ("two", 1, late)):
        tally.district_counts.merge(added, more)
    assert added == ["one", -2, late], "in memory as in the database"


def some(count: int, *, team: str = "t") -> list[Sent]:
    """`count` good events of a team."""
    return [Sent(team, n) for n in range(1, count + 1)]


def test_rows_known_to_be_new_are_told_apart() -> None:
    rows, (old, new, unknown) = Rows(), (tally.TeamTally(name, "d", 1, 0, "") for name in ("a", "b", "c"))
    rows.load(tally.team_tally, {("a",): old, ("b",): None})
    rows.put(tally.team_tally, new)
    assert rows.changes(TALLY.tables) == [(tally.team_tally, [new], True)]
    rows.put(tally.team_tally, old)
    rows.put(tally.team_tally, unknown)  # nobody looked whether it is there
    assert rows.changes(TALLY.tables) == [(tally.team_tally, [new], True), (tally.team_tally, [old, unknown], False)]
    rows.settle()
    rows.put(tally.team_tally, new)
    assert rows.changes(TALLY.tables) == [(tally.team_tally, [new], False)], "the batch before has put it"


async def test_a_row_that_came_in_behind_its_back_is_seen_afresh_and_no_event_is_parked(pool: Pool) -> None:
    events, engine = some(1), await ready(pool)
    async with pool.acquire() as conn:
        async with conn.transaction():
            await store.lock_checkpoints(conn, {"tally": 1})
            applied = asyncio.create_task(engine.apply(batch(events, 1, 1)))
            while not await conn.fetchval("select count(*) from pg_locks where not granted"):
                assert not applied.done()
            row = tally.TeamTally("t", "of nobody", 0, 0, "")
            await store_rows.write(conn, store_rows.statement("tally_1", [Change(tally.team_tally, [row], new=True)]))
        with pytest.raises(Fenced, match="behind our back"):
            await applied
    await engine.refresh()
    await engine.apply(batch(events, 1, 1))
    assert (await position(pool), await parked_at(pool)) == (1, [])
    assert await pool.fetchval("select version from tally_1.team_tally") == 1


async def test_a_gap_is_refused_and_nothing_is_written(pool: Pool) -> None:
    events, engine = some(10), await ready(pool)
    await engine.apply(batch(events, 1, 3))
    with pytest.raises(Gap, match="at 3, batch begins at 5"):
        await engine.apply(batch(events, 5, 10))
    await agrees(pool, events[:3])
    with pytest.raises(Fenced):  # after an error the positions in memory are not to be trusted
        await engine.apply(batch(events, 4, 10))
    await engine.refresh()
    await engine.apply(batch(events, 4, 10))
    await agrees(pool, events)


async def test_an_overtaken_engine_is_fenced_and_its_memory_is_not_used(pool: Pool) -> None:
    """Two engines take turns; both have the districts' rows in memory."""
    events, one, two = some(12), await ready(pool), await ready(pool)
    await one.apply(batch(events, 1, 4))
    with pytest.raises(Fenced):
        await two.apply(batch(events, 1, 8))
    assert await two.refresh() == {"registry": 4}
    await two.apply(batch(events, 5, 8))
    with pytest.raises(Fenced):
        await one.apply(batch(events, 5, 12))
    await one.refresh()
    await one.apply(batch(events, 9, 12))
    await agrees(pool, events)


async def test_two_engines_at_the_same_moment_apply_a_batch_once(pool: Pool) -> None:
    events, one, two = some(50), await ready(pool), await ready(pool)
    results = await asyncio.gather(
        one.apply(batch(events, 1, 50)), two.apply(batch(events, 1, 50)), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in results) == ["Fenced", "int"]
    await agrees(pool, events)


async def test_only_the_key_of_a_poisonous_event_waits(pool: Pool) -> None:
    events = [Sent("a", 1), Sent("b", 1), Sent("a", 2, "poisonous"), Sent("a", 3), Sent("b", 2), Sent("a", 4)]
    engine = await ready(pool)
    await engine.apply(batch(events, 1, 4))
    await engine.apply(batch(events, 5, 6))
    await agrees(pool, events)
    assert await parked_at(pool) == [3, 4, 6]


async def parked_events(pool: Pool) -> list[ParkedEvent]:
    """All that is parked."""
    async with pool.acquire() as conn:
        return await store.parked(conn, {"tally": 1})


async def test_a_retry_after_a_fix_folds_what_waited_and_live_engines_start_afresh(pool: Pool) -> None:
    """Another process retries while the live engine has the key as held and the districts' rows in memory."""
    bad = [Sent("a", 1), Sent("a", 2, "poisonous"), Sent("a", 3), Sent("b", 1)]
    live, other = await ready(pool), await ready(pool)
    await live.apply(batch(bad, 1, 4))
    first = (await parked_events(pool))[0]
    with pytest.raises(ValueError, match="poisonous"):
        await other.retry(first, TALLY)
    await agrees(pool, bad)

    fixed = Projection("tally", version=1, tables=TALLY.tables)

    @fixed.on(TeamFormed, needs=TALLY.reactions[TeamFormed].needs)
    def lenient(rows: Rows, rec: Recorded, event: TeamFormed) -> None:
        said = event.decision_number.replace("-1", "2")
        tally.count(rows, rec, event.model_copy(update={"decision_number": said}))

    assert await other.retry(first, fixed) == 2
    assert await parked_at(pool) == []
    later = [*bad, Sent("a", 4), Sent("b", 2)]
    with pytest.raises(Fenced):
        await live.apply(batch(later, 5, 6))
    await live.refresh()
    await live.apply(batch(later, 5, 6))
    assert await parked_at(pool) == []
    found = await read_model(pool)
    assert [r[:4] for r in found["team_tally"].values()] == [("a", "d1", 4, 0), ("b", "d1", 2, 0)]
    assert sum(r[2] for r in found["district_tally"].values()) == len(later)


async def test_too_many_parked_events_stop_it_before_the_limit_is_passed(pool: Pool) -> None:
    events = [Sent(f"t{n}", 1, "poisonous") for n in range(8)]
    engine = await ready(pool, park_limit=5)
    await engine.apply(batch(events, 1, 5))
    with pytest.raises(ParkLimit):
        await engine.apply(batch(events, 6, 6))
    await agrees(pool, events[:5])


async def test_an_unknown_type_is_stepped_over_live_and_refused_in_a_rebuild(pool: Pool) -> None:
    events = [Sent("a", 1), Sent("a", 2, "unknown"), Sent("a", 2)]
    strict = await ready(pool, strict=True)
    with pytest.raises(UnknownInRebuild, match="registry 2"):
        await strict.apply(batch(events, 1, 3))
    assert await position(pool) == 0
    engine = await ready(pool)
    await engine.apply(batch(events, 1, 3))
    await agrees(pool, events)


async def test_a_number_too_large_for_its_column_is_parked_with_the_databases_words(pool: Pool) -> None:
    events = [Sent("a", 1), Sent("b", 2**70), Sent("c", 1), Sent("b", 3)]
    engine = await ready(pool)
    await engine.apply(batch(events, 1, 3))
    await engine.apply(batch(events, 4, 4))
    assert await parked_at(pool) == [2, 4]
    assert "is out of range for type bigint" in (await parked_events(pool))[0].reason
    folded = [Recorded("registry", pos, f"id-{pos}", NOW, event_of(events[pos - 1])) for pos in (1, 3)]
    assert await read_model(pool) == fold_all(TALLY, folded)


async def test_first_build_is_made_and_found_again(database: Callable[..., Awaitable[str]]) -> None:
    made = await db.open_pool(await database(*READER_FOLDERS), size=3)
    client = None  # nothing is rebuilt, so nothing is asked of the server
    for _ in range(2):
        chosen = await prepare(made, client, "reporting", "51", [TALLY])  # type: ignore[arg-type]
        assert chosen == {TALLY: 1}
    made.terminate()
