"""Drafts the reversal of a reform on what the registry holds: what its preview and its execution have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import NamedTuple

from services.registry import reform_reversal, reform_villages
from services.registry.draft_reform import WHOLE_MAP, Asking, with_reforms
from services.registry.reform import Choices
from services.registry.reform_checks import MAKE_ANOTHER, must_hold, of_reversal
from services.registry.reform_reversal import Undoing
from services.registry.reform_teams import Moves
from services.registry.reform_villages import VillageMoves
from services.registry.store import reforms, reversals, teams, units
from services.registry.store.levels import all_levels
from services.registry.store.reforms import Reform
from services.registry.team import TeamHistory
from services.registry.unit import Unit, home_id
from shared import errors
from shared.contracts.reform import Change, Level, Transition
from shared.db import Conn


class Reversal(NamedTuple):
    """A reform as it would be taken back now, and what that leaves open."""

    done: Reform
    old: Mapping[str, Unit]
    """Units of the day before the reform, by id: those at which a team may be again."""
    villages: VillageMoves
    """Villages that were established since."""
    teams: Moves

    @property
    def removed(self) -> list[str]:
        """Units that the reform had established."""
        return [c.unit.unit_id for c in self.done.changes if c.change is Change.ESTABLISHED]

    @property
    def restored(self) -> list[str]:
        """Units that are again as they were."""
        return [c.unit.unit_id for c in self.done.changes if c.change is not Change.ESTABLISHED]


async def draft(conn: Conn, asking: Asking, reform_id: str, choices: Choices, *, lock: bool = False) -> Reversal:
    """What taking a reform back does, as things are now; `lock` keeps its teams as they are until the transaction ends.

    Raises 403, 404, 409 once it is done, or 422 with what stands on the reform and with every choice that is none.
    """
    done = await reforms.reform(conn, reform_id)
    if done is None:
        raise no_such_reform(reform_id)
    lines = await reforms.transitions(conn, reform_id)
    await _may_reverse(conn, asking, done, lines)
    if done.reversed_at is not None:
        raise errors.conflict(
            "reversed_already", "reform_id", "Quyết định này đã được rút lại rồi.", "It has been taken back already."
        )
    villages = await _villages(conn, done, lines, choices)
    undoing, histories = await _undoing(conn, done, lines, villages, lock=lock)
    must_hold(reform_reversal.of_choices(undoing, histories, choices.teams))
    return Reversal(done, undoing.old, villages, reform_reversal.take_back(undoing, histories, choices.teams))


async def _villages(conn: Conn, done: Reform, lines: Collection[Transition], choices: Choices) -> VillageMoves:
    """What becomes of the villages that were established since. Raises 422 with whatever else is newer."""
    touched, day = {c.unit.unit_id for c in done.changes}, done.effective_on
    since = await reversals.villages_since(conn, touched, day)
    ids = {v.unit_id for v in since}
    newer = await reforms.newer_units(conn, touched | ids, day, besides=done.reform_id, but=ids)
    origins = reform_reversal.origins(lines)
    levels = await all_levels(conn)
    named = {i for v in since for i in origins.get(v.parent_id or "", [v.parent_id or ""])}
    found = await units.many_on_day(conn, named, day - timedelta(days=1)) if named else {}
    there = await reversals.below(conn, found.keys(), day - timedelta(days=1)) if found else []
    parents = {u.parent_id for u in there if u.level is Level.COMMUNE and u.parent_id}
    takers = {i: u for i, u in found.items() if reform_villages.may_take(u, parents)}
    homes = reform_villages.homes(since, origins, takers, levels)
    newer += reform_villages.homeless(homes)
    must_hold(await with_reforms(conn, of_reversal(newer)), MAKE_ANOTHER)
    must_hold(reform_villages.of_choices(homes, choices.villages))
    returned = reform_villages.return_villages(homes, choices.villages)
    must_hold(reform_villages.of_names(returned, there))
    return returned


async def _undoing(
    conn: Conn, done: Reform, lines: Collection[Transition], villages: VillageMoves, *, lock: bool
) -> tuple[Undoing, list[TeamHistory]]:
    """What there is to know of the teams that the reform is about."""
    noted = await reforms.moves(conn, done.reform_id)
    since = frozenset(v.unit_id for v in (*villages.stay, *(m.after for m in villages.moves)))
    about = since.union((c.unit.unit_id for c in done.changes), (t.successor_id for t in lines))
    there = await reforms.teams_since(conn, about, done.effective_on)
    ids = sorted({*there, *(m.after.team_id for m in noted)})
    histories = list((await (teams.lock_histories if lock else teams.histories)(conn, ids)).values())
    undoing = Undoing(
        done.reform_id, done.effective_on, reform_reversal.origins(lines), {}, reform_reversal.noted(noted), about,
        since | {q.subject_id for q in villages.questions},
    )  # fmt: skip
    return undoing._replace(old=await _old(conn, undoing, histories, villages)), histories


async def _old(
    conn: Conn, undoing: Undoing, histories: Collection[TeamHistory], villages: VillageMoves
) -> dict[str, Unit]:
    """The units at which teams may be again, and the communes of villages, as they were on the day before; and the
    villages that were established since, where they will have been."""
    day = undoing.effective_on - timedelta(days=1)
    asked = {i for q in villages.questions for i in q.candidates}
    found = await units.many_on_day(conn, reform_reversal.anchors(undoing, histories) | asked, day)
    found |= {after.unit_id: after for _, after in villages.moves}
    above = {home_id(u) for u in found.values() if u.level is Level.VILLAGE} - found.keys()
    return found | await units.many_on_day(conn, above, day)


def no_such_reform(reform_id: str) -> errors.Problem:
    """404: registry knows no such reform."""
    return errors.not_found(
        "no_such_reform",
        "reform_id",
        f"Không có lần sắp xếp «{reform_id}». Xem danh sách tại /registry/reforms.",
        f"There is no reform «{reform_id}». See /registry/reforms.",
    )


async def _may_reverse(conn: Conn, asking: Asking, done: Reform, lines: Collection[Transition]) -> None:
    """Raises 403. Who might have executed it may take it back."""
    caller, province = asking
    if caller.has(*WHOLE_MAP):
        caller.must_cover([province], field="reform_id")
        return
    before = {t.predecessor_id for t in lines} | {h.unit_id for h in done.heirs}
    after = {t.successor_id for t in lines} | {h.successor_id for h in done.heirs}
    day = done.effective_on
    ending = await units.many_on_day(conn, before, day - timedelta(days=1))
    starting = await units.many_on_day(conn, after, day)
    villages_only = {u.level for u in ending.values()} <= {Level.VILLAGE}
    for unit in (*ending.values(), *starting.values()):
        caller.must_cover((province, *unit.path) if villages_only else (), field="reform_id")
