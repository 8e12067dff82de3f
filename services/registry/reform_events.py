"""Rules of reforms: the events that tell them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from services.registry.reform import Prepared, state
from services.registry.reform_teams import Move
from services.registry.unit import Unit
from shared.clock import start_of_day
from shared.contracts.reform import Change, Heir, MoveReason, Transition, UnitChange
from shared.contracts.registry import ReorganisationReversed, TeamReassigned, UnitCorrected, UnitsReorganised

LARGEST = 150_000
"""Characters of units in one event. A reform with more comes in several, each with a part; the order is the same."""

Item = UnitChange | Transition | Heir


def reorganised(prepared: Prepared) -> list[UnitsReorganised]:
    """What a reform did with the units, parents before children. One event as a rule: see LARGEST."""
    plan = prepared.plan
    items: list[Item] = [*prepared.changes, *prepared.transitions, *prepared.heirs]
    return [
        UnitsReorganised(
            occurred_at=start_of_day(plan.effective_on),
            reform_id=plan.reform_id,
            legal_basis=plan.legal_basis,
            effective_on=plan.effective_on,
            edition=plan.edition,
            changes=tuple(i for i in part if isinstance(i, UnitChange)),
            transitions=tuple(i for i in part if isinstance(i, Transition)),
            heirs=tuple(i for i in part if isinstance(i, Heir)),
        )
        for part in parts(items)
    ]


def parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in order, in as many parts as events can carry."""
    part: list[Item] = []
    room = LARGEST
    for item in items:
        size = len(item.model_dump_json())
        if size > room:
            yield part
            part, room = [], LARGEST
        part.append(item)
        room -= size
    yield part


def reassigned(moves: Sequence[Move], reform_id: str, reason: MoveReason) -> list[TeamReassigned]:
    """One event for each place of a team that is another now."""
    return [
        TeamReassigned(
            occurred_at=start_of_day(after.valid_from),
            team_id=after.team_id,
            from_unit_id=before.unit_id,
            since=before.valid_from,
            unit_id=after.unit_id,
            level=after.level,
            village=after.village,
            village_id=after.village_id,
            district_id=after.district_id,
            commune_id=after.commune_id,
            effective_on=after.valid_from,
            reason=reason,
            reform_id=reform_id,
        )
        for before, after in moves
    ]


def villages_moved(villages: Iterable[Unit], now: datetime) -> list[UnitCorrected]:
    """One event for each village that was established on a map that is another now: where it has been all the time."""
    return [UnitCorrected(occurred_at=now, since=v.valid_from, **state(v).model_dump()) for v in villages]


def reversal(
    reform_id: str, effective_on: date, edition: str | None, restored: Iterable[Unit], removed: Sequence[str]
) -> list[ReorganisationReversed]:
    """That a reform is taken back. `edition` is in force again; in several events where one would be too large."""
    items = [UnitChange(change=Change.CHANGED, unit=state(u), since=u.valid_from) for u in restored]
    return [
        ReorganisationReversed(
            occurred_at=start_of_day(effective_on),
            reform_id=reform_id,
            effective_on=effective_on,
            edition=edition,
            restored=tuple(i for i in part if isinstance(i, UnitChange)),
            removed_unit_ids=() if n else tuple(removed),
        )
        for n, part in enumerate(parts(items))
    ]
