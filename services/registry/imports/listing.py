"""Lines of what is on record, in the columns of the forms: uploaded again they change nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from services.registry.imports.kinds import LEVELS, REASONS, ROLES, SECTORS
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.places import Places
from services.registry.membership import Membership
from services.registry.organisation import BEGINNING, State
from services.registry.person import Person
from services.registry.team import TeamHistory, TeamPlace
from services.registry.unit import Unit, home_id
from shared.contracts.reform import Level
from shared.sheets.book import Value
from shared.vietnamese import person_sort_key, sort_key

Cells = dict[str, Value]
_LEVEL, _ROLE, _REASON, _SECTOR = (
    {code: name for name, code in choices.items()} for choices in (LEVELS, ROLES, REASONS, SECTORS)
)


def teams(
    histories: Iterable[TeamHistory],
    members: Mapping[str, Sequence[Membership]],
    people: Mapping[str, Person],
    places: Places,
    organisations: Organisations,
) -> Iterator[Cells]:
    """Teams by place and name, each with its people by given name. Whose name may not be read is left out."""
    for history in sorted(histories, key=lambda h: _order(h, places)):
        cells = _team(history, places)
        shown = [m for m in members.get(history.team.team_id, ()) if m.member_id in people]
        for place in sorted(
            shown, key=lambda m: (m.role is not m.role.LEADER, person_sort_key(people[m.member_id][1]))
        ):
            yield {**cells, **_member(place, people[place.member_id], organisations)}
        if not shown:
            yield cells


def _order(history: TeamHistory, places: Places) -> tuple[str, str, bytes]:
    where = history.places[-1]
    unit = places.last(where.unit_id)
    return (where.district_id or "", unit.name if unit else where.unit_id, sort_key(history.team.name))


def _team(history: TeamHistory, places: Places) -> Cells:
    team, where = history.team, history.places[-1]
    unit, district = places.last(where.unit_id), places.last(where.district_id)
    return {
        "team_name": team.name,
        "level": _LEVEL[where.level],
        "unit": unit.name if unit else where.unit_id,
        "district": district.name if district and district is not unit else None,
        "village": _village(where, places),
        "decision_number": team.decision_number,
        "decision_date": team.decision_date,
        "formed_on": team.formed_on,
        "team_id": team.team_id,
    }


def _village(where: TeamPlace, places: Places) -> str | None:
    """The village as a line names it: with what it lies in, where that is another village."""
    village = places.last(where.village_id)
    deep = village is not None and village.parent_id != where.unit_id
    return _inside(village, places.last(where.unit_id), places) if deep else where.village


def _inside(village: Unit | None, commune: Unit | None, places: Places) -> str | None:
    """A village as a cell names it: with the village that it lies in, where it lies in one."""
    if village is None or commune is None or village.parent_id == commune.unit_id:
        return village.name if village else None
    return places.label(village, village.valid_from)


def _member(place: Membership, person: Person, organisations: Organisations) -> Cells:
    since = place.roles[-1].valid_from
    return {
        "full_name": person.full_name,
        "phone": person.phone,
        "role": _ROLE[place.role],
        "role_since": since if since != place.joined_on else None,
        "organisation": _called(place.organisation_id, place.joined_on, organisations),
        "joined_on": place.joined_on,
        "left_on": place.left_on,
        "leave_reason": _REASON[place.leave_reason] if place.leave_reason else None,
        "member_id": place.member_id,
    }


def _called(organisation_id: str | None, day: date, organisations: Organisations) -> str | None:
    """An organisation's name on a day; the id where the name would leave a doubt."""
    states = organisations.tree.get(organisation_id or "", ())
    name = next((s.name for s in states if s.valid_from <= day < s.valid_to), "")
    return name if len(organisations.find(name, day)) == 1 else organisation_id


def villages(found: Iterable[Unit], places: Places) -> Iterator[Cells]:
    """Villages by commune and name; those that others lie in before these."""
    rank = places.levels.rank
    for village in sorted(found, key=lambda u: (u.district_id or "", home_id(u), rank(u), sort_key(u.name))):
        commune, above = places.last(home_id(village)), places.last(village.parent_id)
        district, kind = places.last(village.district_id), places.levels.kind(village.kind)
        yield {
            "village": village.name,
            "village_kind": kind.word_vi if kind else village.kind,
            "unit": commune.name if commune else home_id(village),
            "district": district.name if district and district is not commune else None,
            "above": _inside(above, commune, places) if above is not commune else None,
            "valid_from": village.valid_from,
            "village_id": village.unit_id,
        }


def listed_organisations(
    states: Iterable[State], headcounts: Mapping[str, Sequence[tuple[date, int]]], names: Organisations, day: date
) -> Iterator[Cells]:
    """Organisations by name."""
    for state in sorted(states, key=lambda s: sort_key(s.name)):
        counted = [c for c in headcounts.get(state.organisation_id, ()) if c[0] <= day]
        first = names.tree[state.organisation_id][0].valid_from
        yield {
            "name": state.name,
            "sector": _SECTOR[state.sector],
            "parent": _called(state.parent_id, day, names),
            "headcount": counted[-1][1] if counted else None,
            "headcount_since": counted[-1][0] if counted and counted[-1][0] != BEGINNING else None,
            "valid_from": first if first != BEGINNING else None,
            "organisation_id": state.organisation_id,
        }


def of_level(states: Iterable[Unit], level: Level, day: date) -> list[Unit]:
    """Units of a level in force on a day."""
    return [s for s in states if s.level is level and s.holds_on(day)]
