"""Rules of reforms: what a decision does with the map of the day before. Pure; the teams are in `reform_teams`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from typing import NamedTuple

from services.registry.unit import Unit
from services.registry.unit_levels import STATE, Levels, exact, own_id
from shared.contracts.reform import Change, Heir, How, LegalBasis, Level, Part, Transition, UnitChange, UnitState
from shared.errors import Text


class Predecessor(NamedTuple):
    """A unit of the old map of which something is in a successor."""

    unit_id: str
    part: Part = Part.WHOLE


class Successor(NamedTuple):
    """A unit of the new map. It keeps the id of a unit that it continues, which is then among its predecessors.

    `district_id` and `commune_id` of `unit` are worked out from the parents; what stands there does not count.
    """

    unit: UnitState
    predecessors: tuple[Predecessor, ...]


class ReformPlan(NamedTuple):
    """What a decision says. Units that it does not name go on as they are, below whoever follows their parent.

    Abolished is whoever is a predecessor or has an heir, and is no successor.
    """

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    edition: str | None
    successors: tuple[Successor, ...]
    heirs: Mapping[str, str]
    """Who takes over what is open at an abolished unit: needed where it has no successor, or more than one."""


class Choices(NamedTuple):
    """What people decided where the decision leaves it open."""

    teams: Mapping[str, str] = {}
    """Unit by team."""
    villages: Mapping[str, str] = {}
    """New parent by village (or by any other unit below one that is split)."""


class Ground(NamedTuple):
    """What is known before a reform."""

    old: Mapping[str, Unit]
    """The map of the day before, by id."""
    known: Set[str]
    """Those ids of successors that are known for any day: a new unit may have none of them."""
    levels: Levels = STATE


class Newer(NamedTuple):
    """A unit's state or a team's place that begins on the effective day or later, on the units that a reform is
    about."""

    subject_id: str
    name: str
    since: date


class Fault(NamedTuple):
    """Something that a decision cannot say; `field` is its path in the body."""

    slug: str
    field: str
    message: Text
    newer: Newer | None = None
    """What stands in the way."""
    about: str | None = None
    """The reform that brought it, where one did."""


class Question(NamedTuple):
    """Something that the decision leaves open: where a village or a team belongs."""

    field: str
    subject_id: str
    name: str
    unit_id: str
    """Where it is on the day before; where a reform is taken back: after it."""
    candidates: tuple[str, ...]
    since: date | None = None
    """First day of the place, where a reform is taken back."""


class Prepared(NamedTuple):
    """The map from the effective day on, and what leads there. Of an undecided unit the parent is provisional."""

    plan: ReformPlan
    old: Mapping[str, Unit]
    new: Mapping[str, UnitState]
    succession: Succession
    changes: tuple[UnitChange, ...]
    """Established and changed units, parents before children, then the abolished ones."""
    transitions: tuple[Transition, ...]
    heirs: tuple[Heir, ...]
    questions: tuple[Question, ...]

    @property
    def undecided(self) -> frozenset[str]:
        """Units whose new parent has to be chosen still, and what lies below them."""
        found = {q.subject_id for q in self.questions}
        for unit in self.new.values():  # parents before children
            if unit.parent_id in found:
                found.add(unit.unit_id)
        return frozenset(found)

    @property
    def touched(self) -> frozenset[str]:
        """Units of the old map that are another, or no more, afterwards."""
        return frozenset(c.unit.unit_id for c in self.changes) & self.old.keys()

    @property
    def concerned(self) -> frozenset[str]:
        """Units of the old map at which something may have to move."""
        named = self.succession.followers.keys() | self.succession.abolished
        return frozenset(named | self.touched)


class Succession:
    """Who follows whom, read off a plan."""

    def __init__(self, ground: Ground, plan: ReformPlan) -> None:
        self.old, self.levels = ground.old, ground.levels
        self.states = {s.unit.unit_id: s.unit for s in plan.successors}
        self.followers: dict[str, list[str]] = {}
        for successor in plan.successors:
            for unit_id, _ in successor.predecessors:
                self.followers.setdefault(unit_id, []).append(successor.unit.unit_id)
        self.abolished = (self.followers.keys() | plan.heirs.keys()) - self.states.keys()
        only = {unit_id: ids[0] for unit_id, ids in self.followers.items() if len(ids) == 1}
        self.heirs = {u: heir for u in sorted(self.abolished) if (heir := plan.heirs.get(u, only.get(u)))}

    def after(self, unit_id: str) -> Unit | UnitState:
        """A unit as the new map has it, as far as its level goes."""
        return self.states.get(unit_id) or self.old[unit_id]

    def goes_on_at(self, unit_id: str) -> tuple[str, ...]:
        """Where something at a unit may be afterwards: at its successors, at itself, else at its heir."""
        if ids := self.followers.get(unit_id):
            return tuple(ids)
        return (self.heirs[unit_id],) if unit_id in self.abolished else (unit_id,)

    def parents_for(self, unit: Unit) -> tuple[str, ...]:
        """Units that may take over what lies below a unit; of an abolished level, those above it."""
        parent_id = unit.parent_id
        while parent_id is not None:
            ids = self.goes_on_at(parent_id)
            above = tuple(i for i in ids if self.levels.may_lie_below(unit, self.after(i)))
            if above or parent_id not in self.abolished:
                return above or ids
            parent_id = self.old[parent_id].parent_id
        return ()


def at_levels(plan: ReformPlan, levels: Levels) -> ReformPlan:
    """The decision with the level of each successor, as its kind says it; a kind that there is not says none."""
    found = {s.unit.kind: levels.level_of(s.unit.kind) for s in plan.successors}
    own = {kind: level and own_id(level) for kind, level in found.items()}
    if not any(own.values()):
        return plan
    stated = (s._replace(unit=s.unit.model_copy(update={"level_id": own[s.unit.kind]})) for s in plan.successors)
    return plan._replace(successors=tuple(stated))


def apply(ground: Ground, plan: ReformPlan, choices: Choices) -> Prepared:
    """The new map. The plan must have passed `reform_checks.of_plan`; the map is for `reform_checks.of_map`."""
    succession = Succession(ground, plan)
    parents, questions = _parents(succession, choices)
    new = with_paths(_states(succession, parents), ground.levels)
    return Prepared(
        plan,
        ground.old,
        new,
        succession,
        tuple(_changes(ground, new, succession.abolished)),
        tuple(_transitions(ground.old, new, plan.successors)),
        tuple(Heir(unit_id=u, successor_id=s) for u, s in succession.heirs.items()),
        tuple(questions),
    )


def _parents(succession: Succession, choices: Choices) -> tuple[dict[str, str | None], list[Question]]:
    """The parents of the units that the decision does not name."""
    parents: dict[str, str | None] = {}
    questions = []
    for unit in succession.old.values():
        if unit.unit_id in succession.states or unit.unit_id in succession.abolished:
            continue
        ids = succession.parents_for(unit)
        chosen = choices.villages.get(unit.unit_id)
        parents[unit.unit_id] = chosen if chosen in ids else (ids[0] if ids else None)
        if len(ids) > 1 and chosen not in ids:
            field = f"choices.villages.{unit.unit_id}"
            questions.append(Question(field, unit.unit_id, unit.name, unit.parent_id or "", ids))
    return parents, questions


def _states(succession: Succession, parents: Mapping[str, str | None]) -> Iterator[UnitState]:
    yield from succession.states.values()
    for unit_id, parent_id in parents.items():
        yield state(succession.old[unit_id]).model_copy(update={"parent_id": parent_id})


def state(unit: Unit) -> UnitState:
    """A unit as events tell it."""
    return UnitState(**{name: getattr(unit, name) for name in UnitState.model_fields})


def with_paths(states: Iterable[UnitState], levels: Levels) -> dict[str, UnitState]:
    """The units by id, from the top down, each with the district and the commune that it lies in."""
    done: dict[str, UnitState] = {}
    for unit in sorted(states, key=lambda s: (levels.rank(s), s.unit_id)):
        above = done.get(unit.parent_id or "")
        district = unit.unit_id if unit.level is Level.DISTRICT else (above.district_id if above else None)
        commune = unit.unit_id if unit.level is Level.COMMUNE else (above.commune_id if above else None)
        done[unit.unit_id] = unit.model_copy(update={"district_id": district, "commune_id": commune})
    return done


def _changes(ground: Ground, new: Mapping[str, UnitState], abolished: Set[str]) -> Iterator[UnitChange]:
    old, rank = ground.old, ground.levels.rank
    for unit_id, unit in new.items():
        before = old.get(unit_id)
        if before is None:
            yield UnitChange(change=Change.ESTABLISHED, unit=unit)
        elif state(before) != unit:
            yield UnitChange(change=Change.CHANGED, unit=unit, since=before.valid_from)
    for unit_id in sorted(abolished, key=lambda i: (rank(old[i]), i)):
        yield UnitChange(change=Change.ABOLISHED, unit=state(old[unit_id]), since=old[unit_id].valid_from)


def _transitions(
    old: Mapping[str, Unit], new: Mapping[str, UnitState], successors: Iterable[Successor]
) -> Iterator[Transition]:
    for successor in successors:
        after = new[successor.unit.unit_id]
        for unit_id, part in successor.predecessors:
            how = _how(old[unit_id], after, part, alone=len(successor.predecessors) == 1)
            yield Transition(predecessor_id=unit_id, successor_id=after.unit_id, part=part, how=how)


def _how(before: Unit, after: UnitState, part: Part, *, alone: bool) -> How:
    """The first that fits: a unit that is promoted, to another level or kind, has another name and may have another
    parent as well."""
    if part is Part.PART:
        return How.SPLIT
    if not alone:
        return How.MERGED
    if (exact(before), before.kind) != (exact(after), after.kind):
        return How.PROMOTED
    return How.TRANSFERRED if before.name == after.name and before.parent_id != after.parent_id else How.RENAMED
