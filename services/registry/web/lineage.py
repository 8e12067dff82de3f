"""What changed on a day, and who follows whom, to look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.registry.reform_teams import Move
from services.registry.store.pages import Line
from services.registry.store.reforms import Reform
from services.registry.unit import Unit
from services.registry.web.tree import by_place
from shared.contracts.reform import Change, Level, Part, Transition, UnitState


@dataclass(frozen=True, slots=True)
class Origin:
    """A predecessor, whole or in part."""

    unit: Unit
    whole: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A unit of the new map and what it is made of."""

    unit: Unit
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What one reform did."""

    reform: Reform
    made: tuple[Made, ...]
    ended: tuple[UnitState, ...]
    """Abolished units without a successor of their own: districts whose level ends."""
    predecessors: int
    """How many units became `successors`; provinces aside, which only grow or shrink."""
    successors: int


def changed(
    reform: Reform, transitions: Sequence[Transition], before: Mapping[str, Unit], after: Mapping[str, Unit]
) -> Changed:
    """A reform by the units of the new map; `before` and `after` are the units of the day before and of the day."""
    origins: dict[str, list[Origin]] = {}
    for line in transitions:
        if line.predecessor_id in before:
            origin = Origin(before[line.predecessor_id], line.part is Part.WHOLE)
            origins.setdefault(line.successor_id, []).append(origin)
    followed = {line.predecessor_id for line in transitions}
    gone = [c.unit for c in reform.changes if c.change is Change.ABOLISHED and c.unit.unit_id not in followed]
    made = [Made(after[i], tuple(some)) for i, some in origins.items() if i in after]
    counted = sum(i in before and before[i].level is not Level.PROVINCE for i in followed)
    below = sum(m.unit.level is not Level.PROVINCE for m in made)
    return Changed(reform, tuple(sorted(made, key=lambda m: by_place(m.unit))), tuple(gone), counted, below)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a unit on a day, or what it was made of: the other units of these lines."""

    day: date
    others: tuple[Origin, ...]


def steps(lines: Iterable[Line], unit_id: str, units: Mapping[tuple[str, date], Unit], *, forward: bool) -> list[Step]:
    """The successors of a unit by day (or, not `forward`, its predecessors), itself left out where it just goes on."""
    found: dict[date, list[Origin]] = {}
    for line in lines:
        mine, other = line.predecessor_id, line.successor_id
        if not forward:
            mine, other = other, mine
        unit = units.get((other, line.effective_on))
        if mine == unit_id and unit is not None:
            found.setdefault(line.effective_on, []).append(Origin(unit, line.part == Part.WHOLE))
    alone = {day for day, some in found.items() if [o.unit.unit_id for o in some] == [unit_id]}
    return [Step(day, tuple(some)) for day, some in sorted(found.items()) if day not in alone]


@dataclass(frozen=True, slots=True)
class Flow:
    """Teams that a reform took from one unit to another."""

    origin_id: str
    target_id: str
    team_ids: tuple[str, ...]


def by_pair(moves: Iterable[Move]) -> list[Flow]:
    """The teams that a reform moved, by where from and where to; of a team with later places, the first one counts."""
    pairs: dict[tuple[str, str], list[str]] = {}
    seen: set[str] = set()
    for move in sorted(moves, key=lambda m: m.after.valid_from):
        if move.after.team_id not in seen:
            pairs.setdefault(move.ends, []).append(move.after.team_id)
            seen.add(move.after.team_id)
    return [Flow(*pair, tuple(sorted(ids))) for pair, ids in sorted(pairs.items())]
