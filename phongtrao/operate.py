"""What an operator asks of a running system: where it stands, whether its numbers are right, what was set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from phongtrao.compare import stream_with_log
from shared import bus
from shared.projection import Projection, store
from shared.projection.builds import Comparison, Progress, Workshop
from shared.projection.engine import Engine
from shared.projection.store import ParkedEvent
from shared.service import Service
from shared.standing import Standing

Say = Callable[[str], None]


class NoSuchProjection(LookupError):
    """No service has a read model of this name; the text lists those that there are."""


class NoBuild(RuntimeError):
    """A projection has no read model in service yet: its projector never ran."""


class NoSuchEvent(LookupError):
    """Nothing is parked at the place that was named."""


class Aside(NamedTuple):
    """An event that was set aside, with the service that could not fold it."""

    service: Service
    projection: Projection
    event: ParkedEvent


def chosen(services: Sequence[Service], name: str | None) -> list[tuple[Service, Projection]]:
    """The projections of these services, or the one of this name. Raises NoSuchProjection."""
    known = [(service, projection) for service in services for projection in service.spec.projections]
    found = [pair for pair in known if name is None or pair[1].name == name]
    if name is not None and not found:
        raise NoSuchProjection(f"There is no projection «{name}». Choose one of: {', '.join(p.name for _, p in known)}")
    return found


async def verify(services: Sequence[Service], name: str | None, say: Say) -> int:
    """Recomputes read models from position 1, compares streams with logs; says each difference, answers how many."""
    pairs = chosen(services, name)
    total = 0
    for service in services if name is None else ():
        if service.spec.publishes:
            compared = await stream_with_log(service)
            say(f"{service.name}: log {compared.log}, stream {compared.stream}, {differences(compared.total)}")
            _tell(say, compared.differences, compared.total)
            total += compared.total
    for service, projection in pairs:
        await _in_service(service, projection)
        if lost := await _lost(service, projection):
            say(f"{service.name}: {projection.name} cannot be recomputed: {lost}")
            total += 1
            continue
        comparison = await _workshop(service).verify(projection)
        say(f"{service.name}: {projection.name} at {_positions(comparison)}, {differences(comparison.total)}")
        _tell(say, _rows(comparison), comparison.total)
        total += comparison.total
    return total


async def rebuild(service: Service, projection: Projection, say: Say) -> Comparison:
    """Recomputes one read model beside the old one and puts it into service; answers with what differed."""
    await _in_service(service, projection)
    if lost := await _lost(service, projection):
        say(f"{service.name}: {projection.name} has to wait: {lost}")
    return await _workshop(service, progress_to(say)).rebuild(projection)


async def _lost(service: Service, projection: Projection) -> str:
    """Why the history that a read model was made of is not on the streams any more; empty when it is all there."""
    async with service.pool.acquire() as conn:
        folded = await store.live_positions(conn)
    for stream in projection.follows:
        state = await bus.stream_state(service.client, stream, service.province)
        first, last = (int(state["first_seq"]), int(state["last_seq"])) if state else (0, 0)
        if last < folded.get(stream, 0):
            return f"the stream of {stream} ends at {last}, {folded[stream]} was folded; its relay refills it"
        if first > 1:
            return f"the stream of {stream} begins at {first}"
    return ""


def _workshop(service: Service, progress: Progress | None = None) -> Workshop:
    return Workshop(
        service.pool,
        service.client,
        service.name,
        service.province,
        max_batch=service.settings.batch,
        progress=progress,
    )


async def _in_service(service: Service, projection: Projection) -> store.InService:
    async with service.pool.acquire() as conn:
        found = await store.in_service(conn, projection.name)
    if found is None:
        raise NoBuild(f"{service.name}: {projection.name} has no read model yet; start the service first")
    return found


async def parked(services: Sequence[Service]) -> list[Aside]:
    """Every event that the read models in service have set aside."""
    found = []
    for service in (s for s in services if s.spec.projections):
        by_name = {p.name: p for p in service.spec.projections}
        async with service.pool.acquire() as conn:
            builds = {name: now.build for name in by_name if (now := await store.in_service(conn, name))}
            events = await store.parked(conn, builds)
        found += [Aside(service, by_name[event.projection], event) for event in events]
    return found


def one(asides: Iterable[Aside], projection: str, stream: str, pos: int) -> Aside:
    """The one of these at a place. Raises NoSuchEvent."""
    for aside in asides:
        if (aside.event.projection, aside.event.stream, aside.event.pos) == (projection, stream, pos):
            return aside
    raise NoSuchEvent(f"{projection} {stream} {pos} is not parked; see phongtrao parked list")


async def retry_all(asides: Sequence[Aside], say: Say) -> int:
    """Folds parked events, each with those of its key that wait behind it; answers with how many still cannot be."""
    failed, done = 0, set[tuple[str, str, str]]()
    for service, projection, event in asides:
        key = (event.projection, event.stream, event.key)
        if key in done:
            continue
        done.add(key)
        engine = Engine(service.pool, service.name, {projection: event.build})
        try:
            folded = await engine.retry(event, projection)
        except Exception as error:  # whatever the fold raises is the answer
            failed += 1
            say(f"{event.projection} {event.stream} {event.pos}: still {type(error).__name__}: {error}")
        else:
            say(f"{event.projection} {event.stream} {event.pos}: folded, {folded} in all")
    return failed


def line_of(aside: Aside) -> str:
    """A parked event in a line."""
    event = aside.event
    return f"{event.projection} {event.stream} {event.pos}  {event.type}  {event.key}  {event.reason}"


def whole(aside: Aside) -> str:
    """A parked event with all that is known of it."""
    event = aside.event
    headers = event.headers.decode(errors="replace").strip().replace("\r\n", "\n")
    return f"{line_of(aside)}\n\n{headers}\n\n{event.payload.decode(errors='replace')}"


def progress_to(say: Say) -> Progress:
    """Says how far a build has come, at most once for each tenth."""
    told: dict[str, int] = {}

    def progress(projection: str, stream: str, at: int, goal: int) -> None:
        tenth = 10 * at // max(goal, 1)
        if tenth > told.get(stream, -1):
            told[stream] = tenth
            say(f"{projection}: {stream} {at} of {goal}")

    return progress


def differences(count: int) -> str:
    """`1 difference`, `0 differences`."""
    return f"{count} difference{'' if count == 1 else 's'}"


def table(found: Sequence[Standing]) -> list[str]:
    """Where the services stand, for people."""
    lines = [f"{'service':<10} {'ready':<6} {'log':>9} {'stream':>9} {'parked':>7}  follows"]
    for one in found:
        follows = ", ".join(
            f"{h.stream} {h.pos}" + (f" ({h.last_seq - h.pos} behind)" if h.last_seq > h.pos else "")
            for h in one.follows
        )
        log, stream = ("-" if n is None else str(n) for n in (one.log_pos, one.stream_seq))
        ready = "yes" if one.ready else "no"
        lines.append(f"{one.service:<10} {ready:<6} {log:>9} {stream:>9} {one.parked:>7}  {follows or '-'}")
        lines += [f"{'':<10} {reason}" for reason in one.reasons]
    return lines


def _positions(comparison: Comparison) -> str:
    return ", ".join(f"{stream}:{pos}" for stream, pos in sorted(comparison.positions.items()))


def _rows(comparison: Comparison) -> list[str]:
    return [
        f"{d.table}: in service {d.live or 'no row'}; recomputed {d.recomputed or 'no row'}"
        for d in comparison.differences
    ]


def _tell(say: Say, lines: Iterable[str], total: int) -> None:
    told = list(lines)
    for line in told:
        say(f"  {line}")
    if total > len(told):
        say(f"  … {differences(total)} in all, the first {len(told)} are shown")
