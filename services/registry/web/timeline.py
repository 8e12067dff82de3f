"""What happened to a team, day by day, newest first: names, places, people, roles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Literal, get_args

from services.registry.membership import Membership
from services.registry.team import TeamHistory, TeamPlace
from services.registry.team_voided import Recorded
from shared.contracts.registry import Role

What = Literal["disbanded", "left", "role", "joined", "taken_back", "moved", "renamed", "formed"]
_ORDER: tuple[What, ...] = get_args(What)
"""Of one day, the last comes first."""
_DUTIES: dict[str, int] = {Role.MEMBER: 2, Role.DEPUTY: 1, Role.LEADER: 0}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    day: date
    what: What
    member_ids: tuple[str, ...] = ()
    """Who; people to whom the same happened on the same day stand together."""
    text: str = ""
    """The name, the role or the reason that it is about."""
    place: TeamPlace | None = None
    before: TeamPlace | None = None
    until: date | None = None
    """The last of the days that it is about."""


def entries(
    history: TeamHistory, places: Iterable[Membership], elsewhere: Iterable[Recorded] = ()
) -> list[tuple[date, list[Entry]]]:
    """Everything that happened, by day, the newest day first; also where it was on a map that was taken back."""
    on_record = (Entry(r.first, "taken_back", text=r.reform_id, place=r.place, until=r.last) for r in elsewhere)
    found = [*_of_team(history), *on_record, *(entry for place in places for entry in _of_person(place))]
    found.sort(key=lambda e: (-e.day.toordinal(), _ORDER.index(e.what), _DUTIES.get(e.text, 0), e.text, e.member_ids))
    return [(day, _together(some)) for day, some in groupby(found, key=lambda e: e.day)]


def _together(some: Iterable[Entry]) -> list[Entry]:
    """Entries of a day, those of people with the same words joined."""
    joined = []
    for _, same in groupby(some, key=lambda e: (e.what, e.text, e.place)):
        first, *others = same
        joined.append(replace(first, member_ids=tuple(i for e in (first, *others) for i in e.member_ids)))
    return joined


def _of_team(history: TeamHistory) -> Iterable[Entry]:
    team = history.team
    yield Entry(team.formed_on, "formed", text=history.names[0].name, place=history.places[0])
    for name in history.names[1:]:
        yield Entry(name.valid_from, "renamed", text=name.name)
    for before, place in history.moves:
        yield Entry(place.valid_from, "moved", text=place.reason, place=place, before=before)
    if team.disbanded_on:
        yield Entry(team.disbanded_on, "disbanded", text=team.end_reason or "other")


def _of_person(place: Membership) -> Iterable[Entry]:
    yield Entry(place.joined_on, "joined", (place.member_id,), place.roles[0].role)
    for role in place.roles[1:]:
        yield Entry(role.valid_from, "role", (place.member_id,), role.role)
    if place.left_on:
        yield Entry(place.left_on, "left", (place.member_id,), place.leave_reason or "other")


@dataclass(frozen=True, slots=True)
class Standing:
    """A person on the team on a day."""

    member_id: str
    role: Role
    organisation_id: str | None
    since: date


_RANK = (Role.LEADER, Role.DEPUTY, Role.MEMBER)


def standing_on(day: date, places: Sequence[Membership]) -> list[Standing]:
    """Who is on the team on a day: the leader, the deputies, then the longest-serving first."""
    there = [(p, role) for p in places if (role := p.role_on(day)) is not None]
    found = [Standing(p.member_id, role, p.organisation_id, p.joined_on) for p, role in there]
    return sorted(found, key=lambda s: (_RANK.index(s.role), s.since, s.member_id))
