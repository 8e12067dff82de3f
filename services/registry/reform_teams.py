"""Rules of reforms: where the teams go. By their village, else to the one successor, else by choice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.registry.reform import Choices, Fault, Prepared, Question
from services.registry.reform_checks import not_a_candidate
from services.registry.team import TeamPlace
from services.registry.unit import home_id
from shared.contracts.reform import Level, MoveReason


class Move(NamedTuple):
    """A team's place before and after; `after.valid_from` is its first day there."""

    before: TeamPlace
    after: TeamPlace

    @property
    def ends(self) -> tuple[str, str]:
        """From which unit to which; within one unit, from which village."""
        before, after = self
        if before.unit_id == after.unit_id and before.village_id and after.village_id:
            return before.village_id, after.village_id
        return before.unit_id, after.unit_id


class Moves(NamedTuple):
    """What becomes of all teams."""

    moves: tuple[Move, ...]
    questions: tuple[Question, ...]


def move_teams(prepared: Prepared, places: Iterable[TeamPlace], names: Mapping[str, str], choices: Choices) -> Moves:
    """The moves of the teams whose places reach to the effective day or begin later. A team waits for its village, or
    for any other unit that it lies in, where that is undecided."""
    moves: list[Move] = []
    questions: dict[str, Question] = {}
    below, undecided = _below(prepared), prepared.undecided
    for place in places:
        ids, chosen = candidates(prepared, place, below), choices.teams.get(place.team_id)
        if not _decided(prepared, place, ids, chosen):
            question = Question(
                f"choices.teams.{place.team_id}", place.team_id, names[place.team_id], place.unit_id, ids
            )
            questions[place.team_id] = question
            continue
        after = _at(prepared, place, chosen if chosen in ids else ids[0])
        if after.where != place.where and undecided.isdisjoint(after.where):
            moves.append(Move(place, after))
    return Moves(tuple(moves), tuple(questions.values()))


def _decided(prepared: Prepared, place: TeamPlace, ids: Sequence[str], chosen: str | None) -> bool:
    """Open is a split only: where a unit has one successor or an heir, a choice may differ but need not be made."""
    follows = prepared.succession.goes_on_at(place.village_id or place.unit_id)
    return len(follows) == 1 or len(ids) == 1 or chosen in ids


def candidates(prepared: Prepared, place: TeamPlace, below: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Where a team may be afterwards, the place that it takes by itself first. A team of a village follows the village;
    one of an abolished unit without successors may also go to where anything below that unit went."""
    succession = prepared.succession
    if place.village_id and (place.village_id in prepared.old or place.village_id in prepared.new):
        return succession.goes_on_at(place.village_id)
    ids = list(succession.goes_on_at(place.unit_id))
    if place.unit_id in succession.abolished and place.unit_id not in succession.followers:
        ids += [i for unit_id in below.get(place.unit_id, ()) for i in succession.goes_on_at(unit_id)]
    return tuple(dict.fromkeys(i for i in ids if succession.after(i).level is not Level.VILLAGE))


def _below(prepared: Prepared) -> dict[str, list[str]]:
    below: dict[str, list[str]] = {}
    for unit in prepared.old.values():
        if unit.parent_id:
            below.setdefault(unit.parent_id, []).append(unit.unit_id)
    return below


def _at(prepared: Prepared, place: TeamPlace, target: str) -> TeamPlace:
    """The place at a unit of the new map; at a village it belongs to the village's commune."""
    new, plan = prepared.new, prepared.plan
    village = new[target] if new[target].level is Level.VILLAGE else None
    unit = new[home_id(village)] if village else new[target]
    return place._replace(
        valid_from=max(plan.effective_on, place.valid_from),
        unit_id=unit.unit_id,
        level=_level(place.level, unit.level),
        village=village.name if village else place.village,
        village_id=village.unit_id if village else None,
        district_id=unit.district_id,
        commune_id=unit.commune_id,
        reason=MoveReason.REFORM,
        reform_id=plan.reform_id,
    )


def _level(team: Level, unit: Level) -> Level:
    """A village's team stays one; a district without communes may have a team of a commune."""
    if team is Level.VILLAGE or (team is Level.COMMUNE and unit is Level.DISTRICT):
        return team
    return unit


def of_choices(prepared: Prepared, places: Iterable[TeamPlace], choices: Choices) -> Iterator[Fault]:
    """What is wrong with the choices for teams."""
    below, by_team = _below(prepared), {p.team_id: p for p in places}
    for team_id, chosen in choices.teams.items():
        place = by_team.get(team_id)
        ids = candidates(prepared, place, below) if place else ()
        if len(ids) < 2 or chosen not in ids:
            yield not_a_candidate(f"choices.teams.{team_id}", chosen, ids if len(ids) > 1 else ())
