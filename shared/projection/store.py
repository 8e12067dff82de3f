"""SQL of the projection engine: checkpoints, builds, parked events. That of the rows is in `store_rows`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from shared.db import Conn
from shared.projection import Projection, Shape


class Checkpoint(NamedTuple):
    """Up to where a build of a projection has folded a stream."""

    projection: str
    build: int
    stream: str
    pos: int
    epoch: int = 0
    """Raised when rows of the build change without an event: what engines hold in memory is outdated then."""


class ParkedEvent(NamedTuple):
    """An event that could not be folded, with what is needed to try again."""

    projection: str
    build: int
    stream: str
    pos: int
    key: str
    type: str
    reason: str
    headers: bytes
    payload: bytes


class Difference(NamedTuple):
    """A row that two builds do not agree on; a side is None where it has no such row."""

    table: str
    live: str | None
    recomputed: str | None


def schema_of(projection: str, build: int) -> str:
    """Name of the schema that holds a build's tables."""
    return f"{projection}_{build}"


async def lock_checkpoints(conn: Conn, builds: Mapping[str, int]) -> list[Checkpoint]:
    """The checkpoints of these builds, locked until the transaction ends, in one order for everyone."""
    rows = await conn.fetch(
        "select c.projection, c.build, c.stream, c.pos, c.epoch from checkpoint c"
        " join unnest($1::text[], $2::int[]) as b(projection, build) using (projection, build)"
        " order by projection, build, stream for update of c",
        *_pairs(builds),
    )
    return [Checkpoint(*r.values()) for r in rows]


def _pairs(builds: Mapping[str, int]) -> tuple[list[str], list[int]]:
    return list(builds), list(builds.values())


async def move_checkpoints(conn: Conn, moves: Sequence[tuple[Checkpoint, int]]) -> int:
    """Moves each checkpoint from the position it had to a new one; answers with how many were still where they were."""
    status = await conn.execute(
        "update checkpoint c set pos = m.new_pos, moved_at = now()"
        " from unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::bigint[])"
        " as m(projection, build, stream, old_pos, new_pos)"
        " where c.projection = m.projection and c.build = m.build and c.stream = m.stream and c.pos = m.old_pos",
        [c.projection for c, _ in moves],
        [c.build for c, _ in moves],
        [c.stream for c, _ in moves],
        [c.pos for c, _ in moves],
        [new for _, new in moves],
    )
    return int(status.rsplit(" ", 1)[1])


async def outdate(conn: Conn, projection: str, build: int) -> None:
    """Fences every engine that holds rows of this build in memory, as they were changed behind its back."""
    await conn.execute(
        "update checkpoint set epoch = epoch + 1 where projection = $1 and build = $2", projection, build
    )


async def live_positions(conn: Conn) -> dict[str, int]:
    """By stream, the lowest position that every projection in service has reached."""
    rows = await conn.fetch(
        "select c.stream, min(c.pos) as pos from checkpoint c"
        " join projection p on p.name = c.projection and p.build = c.build group by c.stream order by c.stream"
    )
    return {r["stream"]: r["pos"] for r in rows}


class InService(NamedTuple):
    """The build in service of a projection."""

    version: int
    build: int


async def in_service(conn: Conn, projection: str) -> InService | None:
    """The build in service, None before the first."""
    row = await conn.fetchrow("select version, build from projection where name = $1", projection)
    return InService(*row.values()) if row else None


async def begin_build(conn: Conn, projection: Projection, *, passing: bool = False) -> int:
    """Makes empty tables and checkpoints at 0 for a new build; the first build of all goes into service at once.

    A `passing` one, which is only compared, is not in the write-ahead log.
    """
    row = await conn.fetchrow(
        "insert into projection (name, version, build, last_build) values ($1, $2, 1, 1)"
        " on conflict (name) do update set last_build = projection.last_build + 1 returning build, last_build",
        projection.name,
        projection.version,
    )
    assert row is not None
    build = int(row["last_build"])
    schema = schema_of(projection.name, build)
    await conn.execute(f"create schema {schema}")
    for table in projection.tables:
        kind = "unlogged table" if passing and build > 1 else "table"
        await conn.execute(f"create {kind} {schema}.{table.name} (like model.{table.name} including all)")
    await conn.executemany(
        "insert into checkpoint (projection, build, stream) values ($1, $2, $3)",
        [(projection.name, build, stream) for stream in projection.follows],
    )
    if build == 1:
        await show(conn, projection, build)
    return build


async def show(conn: Conn, projection: Projection, build: int) -> None:
    """Puts a build into service: the views show it from this transaction's end on."""
    schema = schema_of(projection.name, build)
    for table in projection.tables:
        await conn.execute(f"drop view if exists public.{table.name}")
        await conn.execute(f"create view public.{table.name} as select * from {schema}.{table.name}")
    await conn.execute(
        "update projection set build = $2, version = $3 where name = $1", projection.name, build, projection.version
    )


async def forget_build(conn: Conn, projection: str, build: int) -> None:
    """Removes a build's checkpoints, which fences its engines, and its parked events; its tables stay."""
    await conn.execute("delete from checkpoint where projection = $1 and build = $2", projection, build)
    await conn.execute("delete from parked where projection = $1 and build = $2", projection, build)


async def drop_build(conn: Conn, projection: str, build: int) -> None:
    """Removes a build that is not in service, with all that belongs to it. Waits for readers of its tables."""
    await forget_build(conn, projection, build)
    await conn.execute(f"drop schema if exists {schema_of(projection, build)} cascade")


async def abandoned_builds(conn: Conn, projection: str) -> list[int]:
    """Builds that have tables but are not in service: replaced, or left by a build that did not end."""
    rows = await conn.fetch(
        "select replace(n.nspname, $1 || '_', '')::int as build from pg_namespace n"
        " join projection p on p.name = $1 and n.nspname <> p.name || '_' || p.build"
        " where n.nspname ~ ('^' || $1 || '_[0-9]+$') order by 1",
        projection,
    )
    return [r["build"] for r in rows]


async def differences(
    conn: Conn, projection: str, table: Shape[Any], builds: tuple[int, int], *, limit: int
) -> tuple[int, list[Difference]]:
    """How many rows of a table differ between two builds, and the first of them, both sides as JSON.

    Within a transaction: what is joined there may be held in memory. To walk two indexes takes twice as long, and the
    live projector waits for it.
    """
    names = [c.name for c in table.key_columns]
    one, other = (", ".join(f"{side}.{c.name}" for c in table.columns) for side in "ab")
    await conn.execute("set local work_mem = '64MB'")
    a, b = (f"{schema_of(projection, build)}.{table.name}" for build in builds)
    rows = await conn.fetch(
        f"select case when a.{names[0]} is null then null else to_jsonb(a)::text end as live,"
        f" case when b.{names[0]} is null then null else to_jsonb(b)::text end as other, count(*) over () as total"
        f" from {a} a full join {b} b on {' and '.join(f'a.{n} = b.{n}' for n in names)}"
        f" where ({one}) is distinct from ({other}) order by 1, 2 limit $1",
        limit,
    )
    return rows[0]["total"] if rows else 0, [Difference(table.name, r["live"], r["other"]) for r in rows]


async def park(conn: Conn, events: Sequence[ParkedEvent]) -> None:
    """Sets events aside."""
    await conn.executemany(
        "insert into parked (projection, build, stream, pos, key, type, reason, headers, payload)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        events,
    )


async def parked(conn: Conn, builds: Mapping[str, int]) -> list[ParkedEvent]:
    """What these builds have set aside, in order."""
    rows = await conn.fetch(
        "select k.projection, k.build, k.stream, k.pos, k.key, k.type, k.reason, k.headers, k.payload from parked k"
        " join unnest($1::text[], $2::int[]) as b(projection, build) using (projection, build)"
        " order by projection, stream, pos",
        *_pairs(builds),
    )
    return [ParkedEvent(*r.values()) for r in rows]


async def parked_keys(conn: Conn, builds: Mapping[str, int]) -> set[tuple[str, str, str]]:
    """(projection, stream, key) of all that is set aside."""
    rows = await conn.fetch(
        "select distinct k.projection, k.stream, k.key from parked k"
        " join unnest($1::text[], $2::int[]) as b(projection, build) using (projection, build)",
        *_pairs(builds),
    )
    return {(r["projection"], r["stream"], r["key"]) for r in rows}


async def unpark(conn: Conn, events: Iterable[ParkedEvent]) -> None:
    """Removes what has been folded after all."""
    await conn.executemany(
        "delete from parked where projection = $1 and build = $2 and stream = $3 and pos = $4",
        [(e.projection, e.build, e.stream, e.pos) for e in events],
    )


async def count_parked(conn: Conn) -> int:
    """Events set aside by the builds in service."""
    sql = "select count(*) from parked k join projection p on p.name = k.projection and p.build = k.build"
    return int(await conn.fetchval(sql))


class Health(NamedTuple):
    """How a follower stands on one stream. Ages are seconds, by the database's clock."""

    stream: str
    state: str
    last_seq: int
    pos: int
    checked_age: float
    caught_up_age: float


async def write_health(conn: Conn, stream: str, state: str, last_seq: int, pos: int) -> None:
    """Notes how far a stream has been folded; being level with it resets the age of `caught_up_at`."""
    await conn.execute(
        "insert into follow_health (stream, state, last_seq, pos) values ($1, $2, $3, $4)"
        " on conflict (stream) do update set state = $2, last_seq = $3, pos = $4, checked_at = now(),"
        " caught_up_at = case when $2 = 'live' or ($2 = 'no_stream' and $4 = 0) then now()"
        " else follow_health.caught_up_at end",
        *(stream, state, last_seq, pos),
    )


async def health(conn: Conn) -> list[Health]:
    """All streams that the service follows."""
    rows = await conn.fetch(
        "select stream, state, last_seq, pos, extract(epoch from now() - checked_at)::float8,"
        " extract(epoch from now() - caught_up_at)::float8 from follow_health order by stream"
    )
    return [Health(*r.values()) for r in rows]
