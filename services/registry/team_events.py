"""What happened to a team and the people on it, by day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal, NamedTuple, get_args

from services.registry.membership import Membership
from services.registry.team import TeamHistory, TeamPlace
from services.registry.team_voided import Recorded

What = Literal["formed", "renamed", "moved", "taken_back", "joined", "role", "left", "disbanded"]
ORDER: tuple[What, ...] = get_args(What)
"""Of one day."""


class Happening(NamedTuple):
    """Something that happened on a day; what it is about, the rest is empty."""

    day: date
    what: What
    name: str | None = None
    member_id: str | None = None
    role: str | None = None
    reason: str | None = None
    from_unit_id: str | None = None
    unit_id: str | None = None
    village: str | None = None
    village_id: str | None = None
    reform_id: str | None = None
    until: date | None = None
    """The last of the days that it is about."""


def happened(history: TeamHistory, places: Iterable[Membership], elsewhere: Iterable[Recorded] = ()) -> list[Happening]:
    """Everything that happened, oldest first; also where it was on record on a map that was taken back."""
    found = [*_to_team(history), *map(_on_record, elsewhere), *(h for place in places for h in _to_person(place))]
    return sorted(found, key=lambda h: (h.day, ORDER.index(h.what), h.member_id or ""))


def _to_team(history: TeamHistory) -> Iterator[Happening]:
    team, first = history.team, history.places[0]
    yield Happening(team.formed_on, "formed", name=history.names[0].name, **_where(first))
    for name in history.names[1:]:
        yield Happening(name.valid_from, "renamed", name=name.name)
    for before, place in history.moves:
        yield Happening(
            place.valid_from, "moved", reason=place.reason, from_unit_id=before.unit_id, reform_id=place.reform_id,
            **_where(place),
        )  # fmt: skip
    if team.disbanded_on:
        yield Happening(team.disbanded_on, "disbanded", reason=team.end_reason)


def _on_record(then: Recorded) -> Happening:
    return Happening(then.first, "taken_back", reform_id=then.reform_id, until=then.last, **_where(then.place))


def _where(place: TeamPlace) -> dict[str, Any]:
    return {"unit_id": place.unit_id, "village": place.village, "village_id": place.village_id}


def _to_person(place: Membership) -> Iterator[Happening]:
    yield Happening(place.joined_on, "joined", member_id=place.member_id, role=place.roles[0].role)
    for role in place.roles[1:]:
        yield Happening(role.valid_from, "role", member_id=place.member_id, role=role.role)
    if place.left_on:
        yield Happening(place.left_on, "left", member_id=place.member_id, reason=place.leave_reason)
