"""How to read the past out of registry's events: units' states, teams' places, members' spells, each with its days.

Whoever follows registry has to read them in the same way, so it is written here once. Pure: what an event changes is
worked out from the event and from the rows that it names; where the rows are kept is the follower's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from shared.contracts.reform import Change, UnitChange, UnitState
from shared.contracts.registry import (
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    ReorganisationReversed,
    TeamFormed,
    TeamReassigned,
    UnitCorrected,
    UnitEstablished,
    UnitsReorganised,
)

Dated = tuple[str, date]
"""An id and the first day of one of its rows."""


class UnitVersion(NamedTuple):
    """A unit as it was for some time; its first two fields are its key."""

    unit_id: str
    valid_from: date
    valid_to: date | None
    """First day on which it no longer held; None while nothing else is known."""
    void: bool
    """Whether the reform that brought it was taken back: then it never was."""
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    district_id: str | None
    commune_id: str | None


class TeamPlace(NamedTuple):
    """Where a team belonged for some time; its first two fields are its key."""

    team_id: str
    valid_from: date
    valid_to: date | None
    """First day at another unit."""
    unit_id: str
    level: str
    village: str | None
    village_id: str | None


class Membership(NamedTuple):
    """A person's time on a team; both days are included.

    Its first three fields are its key. A follower keeps the last one by its first two fields beside them, for what ends
    it names the person and the team only.
    """

    member_id: str
    team_id: str
    joined_on: date
    left_on: date | None
    role: str
    organisation_id: str | None


Known = Callable[[str, date], UnitVersion | None]
UnitEvent = UnitEstablished | UnitCorrected | UnitsReorganised | ReorganisationReversed
PlaceEvent = TeamFormed | TeamReassigned
MemberEvent = MemberJoined | MemberLeft | MemberRoleChanged


def unit_keys(event: UnitEvent) -> list[Dated]:
    """The states that `unit_versions` wants to know."""
    match event:
        case UnitCorrected():
            return [(event.unit_id, event.since)]
        case UnitsReorganised():
            return [(c.unit.unit_id, c.since) for c in event.changes if c.since]
        case ReorganisationReversed():
            before = [(c.unit.unit_id, c.since) for c in event.restored if c.since]
            brought = [*(c.unit.unit_id for c in event.restored), *event.removed_unit_ids]
            return [*before, *((unit_id, event.effective_on) for unit_id in brought)]
        case _:
            return []


def unit_versions(event: UnitEvent, known: Known) -> Iterator[UnitVersion]:
    """The states that an event brings or changes."""
    match event:
        case UnitEstablished():
            yield _version(event, event.valid_from, None)
        case UnitCorrected():
            wrong = known(event.unit_id, event.since)
            yield _version(event, event.since, wrong.valid_to if wrong else None)
        case UnitsReorganised():
            for change in event.changes:
                yield from _reorganised(change, event.effective_on, known)
        case ReorganisationReversed():
            yield from _reversed(event, known)


def _reversed(event: ReorganisationReversed, known: Known) -> Iterator[UnitVersion]:
    for change in event.restored:
        yield from _restored(change, event.effective_on, known)
    brought = (known(unit_id, event.effective_on) for unit_id in event.removed_unit_ids)
    yield from (version._replace(void=True) for version in brought if version)


def _reorganised(of: UnitChange, day: date, known: Known) -> Iterator[UnitVersion]:
    since = of.since or day
    if of.change is Change.ABOLISHED:
        yield _version(of.unit, since, day)
        return
    before = known(of.unit.unit_id, since) if of.since else None
    if before and since < day:
        yield before._replace(valid_to=day)
    yield _version(of.unit, day, before.valid_to if before else None)


def _restored(of: UnitChange, day: date, known: Known) -> Iterator[UnitVersion]:
    since, brought = of.since or day, known(of.unit.unit_id, day)
    yield _version(of.unit, since, brought.valid_to if brought else None)
    if brought and since < day:
        yield brought._replace(void=True)


def _version(of: UnitEstablished | UnitCorrected | UnitState, valid_from: date, valid_to: date | None) -> UnitVersion:
    return UnitVersion(
        of.unit_id, valid_from, valid_to, False, of.code, of.name, of.kind, of.level.value, of.parent_id,
        of.district_id, of.commune_id,
    )  # fmt: skip


def place_keys(event: PlaceEvent) -> list[Dated]:
    """The places that `team_places` wants to know."""
    return [(event.team_id, event.since)] if isinstance(event, TeamReassigned) else []


def team_places(event: PlaceEvent, known: Callable[[str, date], TeamPlace | None]) -> Iterator[TeamPlace]:
    """The places that an event brings or changes. Raises LookupError for a move from where the team never was."""
    if isinstance(event, TeamFormed):
        yield _place(event, event.formed_on, None)
        return
    left = known(event.team_id, event.since)
    if left is None:
        raise LookupError(f"team {event.team_id} moved from where it was since {event.since}, but it was not there")
    if event.since < event.effective_on:
        yield left._replace(valid_to=event.effective_on)
    yield _place(event, event.effective_on, left.valid_to)


def _place(of: PlaceEvent, valid_from: date, valid_to: date | None) -> TeamPlace:
    return TeamPlace(of.team_id, valid_from, valid_to, of.unit_id, of.level.value, of.village, of.village_id)


def membership(event: MemberEvent, last: Membership | None) -> Membership:
    """A person's time on a team after an event; `last` is the last one on that team. Raises LookupError without it."""
    if isinstance(event, MemberJoined):
        return Membership(
            event.member_id, event.team_id, event.joined_on, None, event.role.value, event.organisation_id
        )
    if last is None:
        raise LookupError(f"member {event.member_id} of team {event.team_id} never joined")
    if isinstance(event, MemberLeft):
        return last._replace(left_on=event.left_on)
    return last._replace(role=event.role.value)
