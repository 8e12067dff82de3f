"""Rows about streams: projection, its ceilings, the follower, the relay, the rebuild and its memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from services.reporting.app import SPEC as REPORTING
from shared import db
from shared.settings import Settings
from tests.bench import program
from tests.bench.ground import Ground
from tests.bench.program import Answer
from tests.bench.table import Line, middle
from tests.bench.world import World


class Sizes(NamedTuple):
    """How much of everything."""

    history: int = 1_000_000
    catch_up: int = 200_000
    handled: int = 4_000
    fetched: int = 60_000
    outbox: int = 100_000
    awaited: int = 3_000
    pipelined: int = 20_000
    seconds: float = 8.0
    paced_seconds: float = 15.0
    rate: float = 200.0
    people: int = 100_000
    asked: int = 10
    batch: int = Settings().batch
    """Most events of a projector's transaction: the product's own setting."""


QUICK = Sizes(
    history=6_000, catch_up=3_000, handled=50, fetched=2_000, outbox=2_000, awaited=50, pipelined=500, seconds=0.5,
    paced_seconds=1.0, rate=40.0, people=2_000, asked=1, batch=500,
)  # fmt: skip


class Streams:
    """A province with its teams and a long stream of guidances, made when a row first asks for it."""

    def __init__(self, ground: Ground, sizes: Sizes) -> None:
        self._ground, self._sizes = ground, sizes
        self._long = ""

    async def long(self) -> str:
        """The province whose outreach stream holds the campaign and `history` guidances."""
        if not self._long:
            self._long = province = self._ground.province()
            world = World()
            await self._ground.publish(world.registry(), "registry", province)
            await self._ground.make_stream("courses", province)
            await self._ground.publish(world.outreach(self._sizes.history), "outreach", province)
        return self._long


def rate(answer: Answer) -> float:
    """Events a second."""
    return float(answer["count"] / answer["seconds"])


async def projection(ground: Ground, streams: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """Full read models against the handler, and against the lower of the two ceilings."""
    province = await streams.long()
    found: dict[str, list[float]] = {"ours": [], "handler": [], "fold": [], "database": []}
    for number in range(runs):
        where = {"nats": ground.url, "province": province, "until": sizes.catch_up}
        found["ours"].append(rate(await _on_reporting(ground, "projector", **where, max_batch=sizes.batch)))
        found["fold"].append(rate(await program.run("fold_alone", **where, max_batch=sizes.batch)))
        found["database"].append(rate(await _on_reporting(ground, "database_alone", **where, max_batch=sizes.batch)))
        dsn, peer = await ground.database(), {**where, "until": sizes.handled, "name": f"handler-{number}"}
        found["handler"].append(rate(await program.run("faststream_handler", dsn=dsn, **peer)))
        await ground.drop(dsn)
    ours = f"{middle(found['ours'])} events/s against "
    return [
        Line(
            "projection", "projection, catch-up, full read models",
            "FastStream handler, a transaction a message, inbox; small read model", "≥", 30, "×",
            _ratios(found["ours"], found["handler"]), ours + middle(found["handler"]),
        ),
        Line(
            "ceiling", "the same", "the lower of fetch + decode + fold alone and database alone", "≥", 60, "%",
            [100 * r for r in _ratios(found["ours"], list(map(min, found["fold"], found["database"])))],
            ours + f"{middle(found['fold'])} and {middle(found['database'])}",
        ),
    ]  # fmt: skip


async def _on_reporting(ground: Ground, name: str, **arguments: object) -> Answer:
    dsn = await ground.database(*REPORTING.folders)
    answer = await program.run(name, dsn=dsn, **arguments)
    await ground.drop(dsn)
    return answer


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


async def fetch(ground: Ground, streams: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """The follower against nats-py's fetch, on the same stream."""
    province = await streams.long()
    ours, theirs = [], []
    for _ in range(runs):
        where = {"province": province, "until": sizes.catch_up, "max_batch": sizes.batch}
        ours.append(rate(await program.run("follower", nats=ground.url, **where)))
        theirs.append(
            rate(await program.run("nats_fetch", nats_url=ground.url, province=province, until=sizes.fetched))
        )
    detail = f"{middle(ours)} messages/s against {middle(theirs)}"
    values = _ratios(ours, theirs)
    return [Line("fetch", "follower's fetch", "nats-py fetch(1000)", "≥", 3, "×", values, detail)]


async def relay(ground: Ground, _: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """Sequencer and relay against the two ways of nats-py, each on an outbox of the same size."""
    ours, awaited, pipelined = [], [], []
    for _run in range(runs):
        ours.append(await _drain(ground, sizes, "relay", "nats", sizes.outbox + 1))
        awaited.append(await _drain(ground, sizes, "publish_one_by_one", "nats_url", sizes.awaited))
        pipelined.append(await _drain(ground, sizes, "publish_async", "nats_url", sizes.pipelined))
    what = "relay with sync_interval always, sequencing included"
    return [
        Line(
            "relay", what, "publish awaited one by one, a delete a row", "≥", 20, "×", _ratios(ours, awaited),
            f"{middle(ours)} events/s against {middle(awaited)}",
        ),
        Line(
            "relay-async", "the same", "nats-py publish_async under the same setting", "≥", 5, "×",
            _ratios(ours, pipelined), f"{middle(ours)} events/s against {middle(pipelined)}",
        ),
    ]  # fmt: skip


async def _drain(ground: Ground, sizes: Sizes, name: str, nats: str, until: int) -> float:
    dsn, province = await ground.database(db.PRODUCER), ground.province()
    await ground.fill_stage(dsn, World().outreach(sizes.outbox), province)
    await ground.make_stream("outreach", province)
    where = {"dsn": dsn, "service": "outreach", "province": province, nats: ground.url}
    answer = await program.run(name, **where, until=until)
    await ground.delete_stream("outreach", province)
    await ground.drop(dsn)
    return rate(answer)


async def rebuild(ground: Ground, streams: Streams, sizes: Sizes, runs: int) -> list[Line]:
    """A read model of the whole history is made by the projector, then rebuilt beside it."""
    province = await streams.long()
    dsn = await ground.database(*REPORTING.folders)
    where = {"dsn": dsn, "nats": ground.url, "province": province, "max_batch": sizes.batch}
    live = await program.run("projector", **where, until=sizes.history + 1)
    rebuilt = [await program.run("rebuild", **where) for _ in range(runs)]
    await ground.drop(dsn)
    wrong = sum(r["differences"] for r in rebuilt)
    assert wrong == 0, f"the rebuild found {wrong} differences"
    lasted = [float(r["seconds"]) for r in rebuilt]
    sizes_mb = [peak(r) for r in (live, *rebuilt)]
    return [
        Line(
            "rebuild", f"rebuild of {sizes.history:,} events: fold, compare, switch", "-", "≤", 40, "s", lasted,
            f"folding alone {statistics.median(r['marks'][-1][0] for r in rebuilt):.1f} s; the projector itself"
            f" {live['seconds']:.1f} s",
        ),
        Line(
            "rebuild-flat", "the same, time an event", "last fifth against first", "≤", 1.25, "×",
            [last_to_first(r) for r in rebuilt],
        ),
        Line(
            "memory", "projector's memory over that", "-", "≤", 200, "MB", sizes_mb,
            f"the projector {sizes_mb[0]:.0f} MB, the rebuilds {', '.join(f'{s:.0f}' for s in sizes_mb[1:])}",
        ),
        Line(
            "memory-flat", "the same", "last fifth against first", "≤", 1.1, "×", [growth(r) for r in (live, *rebuilt)],
        ),
    ]  # fmt: skip


def last_to_first(answer: Answer) -> float:
    """Time an event in the last fifth of the positions, over that in the first."""
    marks = answer["marks"]
    fifth = marks[-1][1] / 5
    early = [m for m in marks if m[1] <= fifth]
    late = [m for m in marks if m[1] >= 4 * fifth]
    first, last = (early if len(early) > 1 else marks[:2]), (late if len(late) > 1 else marks[-2:])
    return _time_an_event(last) / _time_an_event(first)


def _time_an_event(marks: Sequence[Sequence[float]]) -> float:
    (begun, first), (ended, last) = marks[0], marks[-1]
    return (ended - begun) / (last - first)


def peak(answer: Answer) -> float:
    """Most memory, in MB."""
    return float(max(size for _, size in answer["memory"]))


def growth(answer: Answer) -> float:
    """Median memory in the last fifth of the time over the highest of the first fifth."""
    samples = [size for _, size in answer["memory"]]
    fifth = max(len(samples) // 5, 1)
    return float(statistics.median(samples[-fifth:]) / max(samples[:fifth]))
