"""Rules of taking a reform back: where the teams that are on its map go. Pure.

A team goes back to where it was on the day before, else to where the reform had found it, else by its village or to the
one predecessor of its unit, else where somebody says: never by percentage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.registry.reform import Fault, Question
from services.registry.reform_checks import not_a_candidate
from services.registry.reform_teams import Move, Moves
from services.registry.site import level_at
from services.registry.team import TeamHistory, TeamPlace
from services.registry.unit import Unit, home_id
from shared.contracts.reform import Level, MoveReason, Transition


class Undoing(NamedTuple):
    """A reform that is taken back, and what was there before it."""

    reform_id: str
    effective_on: date
    origins: Mapping[str, Sequence[str]]
    """Predecessors by successor."""
    old: Mapping[str, Unit]
    """Units of the day before, by id: those that the reform is about, and those that its teams are at."""
    noted: Mapping[tuple[str, date], Move]
    """What the reform did with teams, by team and first day."""
    touched: frozenset[str]
    """Units that the reform changed or has as successors: places at or below them are what it is about."""
    since: frozenset[str] = frozenset()
    """Villages that were established since: a team in one goes with it."""


class _Way(NamedTuple):
    """A place on the new map, and the places of the old one that it may become."""

    key: str
    place: TeamPlace
    back_to: tuple[TeamPlace, ...]

    @property
    def candidates(self) -> tuple[str, ...]:
        return tuple(_anchor(p) for p in self.back_to)


def origins(lines: Iterable[Transition]) -> dict[str, list[str]]:
    """Predecessors by successor."""
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(line.successor_id, []).append(line.predecessor_id)
    return found


def noted(moves: Iterable[Move]) -> dict[tuple[str, date], Move]:
    """The moves of a reform by team and first day at the new place."""
    return {(m.after.team_id, m.after.valid_from): m for m in moves}


def anchors(undoing: Undoing, histories: Iterable[TeamHistory]) -> set[str]:
    """Units of the old map at which these teams may be again."""
    found = {_anchor(p) for h in histories for p in _since(undoing, h)}
    return found | {i for unit_id in found for i in undoing.origins.get(unit_id, ())}


def take_back(undoing: Undoing, histories: Iterable[TeamHistory], choices: Mapping[str, str]) -> Moves:
    """The moves of the teams, each place that begins on the effective day or later by itself, with its days as they
    are; and the questions that nobody has answered yet."""
    moves: list[Move] = []
    questions: list[Question] = []
    for history in histories:
        for way in _ways(undoing, history):
            chosen = next((p for p in way.back_to if _anchor(p) == choices.get(way.key)), None)
            if len(way.back_to) > 1 and chosen is None:
                name = history.name_on(way.place.valid_from)
                asked = (f"choices.teams.{way.key}", way.place.team_id, name, _anchor(way.place), way.candidates,
                         way.place.valid_from)  # fmt: skip
                questions.append(Question(*asked))
            elif (after := _again(undoing, way.place, chosen or way.back_to[0])).where != way.place.where:
                moves.append(Move(way.place, after))
    return Moves(tuple(moves), tuple(questions))


def of_choices(undoing: Undoing, histories: Iterable[TeamHistory], choices: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with the choices."""
    open_to = {way.key: way.candidates for h in histories for way in _ways(undoing, h) if len(way.back_to) > 1}
    for key, chosen in choices.items():
        if chosen not in open_to.get(key, ()):
            yield not_a_candidate(f"choices.teams.{key}", chosen, open_to.get(key, ()))


def _since(undoing: Undoing, history: TeamHistory) -> list[TeamPlace]:
    """The places that the reform is about. Others stay: their units may have changed since by another reform."""
    late = [p for p in history.places if p.valid_from >= undoing.effective_on]
    return [p for p in late if not undoing.touched.isdisjoint((*p.path, p.village_id))]


def _ways(undoing: Undoing, history: TeamHistory) -> list[_Way]:
    """By day. The last place that somebody has to choose for goes by the team's id, earlier ones by their day too."""
    found = [_Way(p.team_id, p, tuple(_back_to(undoing, history, p))) for p in _since(undoing, history)]
    last = max((w.place.valid_from for w in found if len(w.back_to) > 1), default=None)
    return [w if w.place.valid_from == last else w._replace(key=f"{w.key}@{w.place.valid_from}") for w in found]


def _back_to(undoing: Undoing, history: TeamHistory, place: TeamPlace) -> Iterator[TeamPlace]:
    before = next((p for p in history.places if p.valid_to == place.valid_from), None)
    known = undoing.noted.get((place.team_id, place.valid_from))
    if before and place.valid_from == undoing.effective_on and place.reason == MoveReason.REFORM:
        yield before
    elif known and known.after.where == place.where and place.village_id not in undoing.since:
        yield known.before
    else:
        yield from _by_unit(undoing, place)


def _by_unit(undoing: Undoing, place: TeamPlace) -> Iterator[TeamPlace]:
    """At the predecessors of its village or its unit, or right there where that was the same before; a place of which
    the old map has neither stays what it is, as one in a village of which nobody has said yet where it goes."""
    anchor = _anchor(place)
    ids = [i for i in undoing.origins.get(anchor, [anchor]) if i in undoing.old]
    if not ids:
        yield place
    for unit_id in ids:
        yield _at(undoing, place, undoing.old[unit_id])


def _at(undoing: Undoing, place: TeamPlace, target: Unit) -> TeamPlace:
    village = target if target.level is Level.VILLAGE else None
    unit = undoing.old[home_id(village)] if village else target
    return place._replace(
        unit_id=unit.unit_id,
        level=level_at(place.level, unit),
        village=village.name if village else place.village,
        village_id=village.unit_id if village else None,
        district_id=unit.district_id,
        commune_id=unit.commune_id,
    )


def _again(undoing: Undoing, place: TeamPlace, back_to: TeamPlace) -> TeamPlace:
    """A place of the old map on the days of one of the new map. A founding stays one, and what people decided too."""
    days = back_to._replace(valid_from=place.valid_from, valid_to=place.valid_to)
    if place.reason == MoveReason.REFORM:
        return days._replace(reason=MoveReason.REVERSAL, reform_id=undoing.reform_id)
    return days._replace(reason=place.reason, reform_id=place.reform_id)


def _anchor(place: TeamPlace) -> str:
    return place.village_id or place.unit_id
