"""POST /reforms/{reform_id}/reverse: a reform is taken back by a compensating event. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import Field

from services.registry import reform_events
from services.registry.draft_reform import WHOLE_MAP
from services.registry.preview_reform import ROLES, SCOPE
from services.registry.reform import Newer
from services.registry.reform_checks import must_hold, of_reversal
from services.registry.reform_teams import Move, as_left
from services.registry.store import reforms, teams, units
from services.registry.store.reforms import Reform
from services.registry.team import TeamHistory
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.contracts.reform import Change, Level, MoveReason
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, allow, router, who

routes = router("reforms")


class ReversalAnswer(Answer):
    """What taking a reform back did."""

    reform_id: str
    restored: int = Field(description="Units that are again as they were.")
    removed: int = Field(description="Units that the reform had established.")
    teams: int = Field(description="Teams that are back.")


@routes.post("/reforms/{reform_id}/reverse", status_code=201, openapi_extra=who(ROLES, SCOPE))
async def reverse_reform(
    service: Svc,
    reform_id: Annotated[str, Path(pattern=ID_PATTERN)],
    caller: Annotated[Caller, allow(*ROLES)],
) -> ReversalAnswer:
    """Takes a reform back as if it had not been. Refused where something newer stands on it; a second time: the first
    answer again. The same decision may be executed again under another id."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await units.lock_map(conn)
        done = await reforms.reform(conn, reform_id)
        if done is None:
            raise no_such_reform(reform_id)
        await _may_reverse(conn, caller, service.province, done)
        return await _save(conn, done, now)

    ended = await service.commands.execute("reverse_reform", work, key=reform_id, body=reform_id)
    return ReversalAnswer(**ended.answer, pos=ended.pos)


def no_such_reform(reform_id: str) -> errors.Problem:
    """404: registry knows no such reform."""
    return errors.not_found(
        "no_such_reform",
        "reform_id",
        f"Không có lần sắp xếp «{reform_id}». Xem danh sách tại /registry/reforms.",
        f"There is no reform «{reform_id}». See /registry/reforms.",
    )


async def _may_reverse(conn: Conn, caller: Caller, province: str, done: Reform) -> None:
    """Raises 403. Who might have executed it may take it back."""
    if caller.has(*WHOLE_MAP):
        caller.must_cover([province], field="reform_id")
        return
    lines = await reforms.transitions(conn, done.reform_id)
    before = {t.predecessor_id for t in lines} | {h.unit_id for h in done.heirs}
    after = {t.successor_id for t in lines} | {h.successor_id for h in done.heirs}
    day = done.effective_on
    ending = await units.many_on_day(conn, before, day - timedelta(days=1))
    starting = await units.many_on_day(conn, after, day)
    villages_only = {u.level for u in ending.values()} <= {Level.VILLAGE}
    for unit in (*ending.values(), *starting.values()):
        caller.must_cover((province, *unit.path) if villages_only else (), field="reform_id")


async def _save(conn: Conn, done: Reform, now: datetime) -> Decision:
    moves = await reforms.moves(conn, done.reform_id)
    must_hold(of_reversal(await _newer(conn, done, moves)))
    removed = [c.unit.unit_id for c in done.changes if c.change is Change.ESTABLISHED]
    before = [c.unit.unit_id for c in done.changes if c.change is not Change.ESTABLISHED]
    await units.restore_states(conn, done.reform_id, known_from=now)
    await teams.save_places(conn, [m.before for m in moves], known_from=now)
    await reforms.mark_reversed(conn, done.reform_id, now)
    again = await units.many_on_day(conn, before, done.effective_on)
    restored = [again[unit_id] for unit_id in before]
    answer = {
        "reform_id": done.reform_id,
        "restored": len(restored),
        "removed": len(removed),
        "teams": len({m.after.team_id for m in moves}),
    }
    told = reform_events.reversal(done.reform_id, done.effective_on, done.edition_before, restored, removed)
    back = reform_events.reassigned(reform_events.back(moves), done.reform_id, MoveReason.REVERSAL)
    return Decision(answer, [*told, *back])


async def _newer(conn: Conn, done: Reform, moves: Iterable[Move]) -> list[Newer]:
    """What stands on a reform, so that it cannot be taken back as if it had not been."""
    touched = {c.unit.unit_id for c in done.changes}
    histories = await teams.lock_histories(conn, [m.after.team_id for m in moves])
    found = [
        *await reforms.newer_units(conn, touched, done.effective_on, besides=done.reform_id),
        *await reforms.newer_teams(conn, touched, done.effective_on, besides=done.reform_id),
        *_moved_since(moves, histories),
    ]
    return list({newer.subject_id: newer for newer in found}.values())


def _moved_since(moves: Iterable[Move], histories: Mapping[str, TeamHistory]) -> Iterator[Newer]:
    for move in moves:
        now = histories[move.after.team_id]
        if not as_left(move, now.places):
            yield Newer(now.team.team_id, now.team.name, now.places[-1].valid_from)
