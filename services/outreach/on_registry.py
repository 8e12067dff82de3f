"""What outreach follows of registry: the units of each day, where each team belongs, who is on it, and who takes over
what an abolished unit owes."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, NamedTuple

from shared.contracts import Recorded, history
from shared.contracts.history import Membership, TeamPlace, UnitVersion
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
from shared.projection import Key, Projection, Rows, Table

Needs = list[tuple[Table[Any], Key]]


class RosterHeir(NamedTuple):
    """Who takes over what is open at a unit that was abolished on a day."""

    unit_id: str
    effective_on: date
    successor_id: str
    void: bool


units = Table("roster_unit", UnitVersion, key=2)
heirs = Table("roster_heir", RosterHeir, key=2)
places = Table("roster_team_place", TeamPlace, key=2)
members = Table("roster_member", Membership, key=2)
spells = Table("roster_spell", Membership, key=3)
roster = Projection("roster", version=2, tables=(units, heirs, places, members, spells))


def _unit_needs(_: Recorded, event: history.UnitEvent) -> Needs:
    return [(units, key) for key in history.unit_keys(event)]


def unit_told(rows: Rows, _: Recorded, event: history.UnitEvent) -> None:
    """A unit may be named on the days on which it is in force."""
    for version in history.unit_versions(event, partial(rows.get, units)):
        rows.put(units, version)


roster.on(UnitEstablished, needs=_unit_needs)(unit_told)
roster.on(UnitCorrected, needs=_unit_needs)(unit_told)


@roster.on(UnitsReorganised, needs=_unit_needs)
def units_reorganised(rows: Rows, rec: Recorded, event: UnitsReorganised) -> None:
    """Another map from a day on; what abolished units owe passes to their heirs."""
    unit_told(rows, rec, event)
    for heir in event.heirs:
        rows.put(heirs, RosterHeir(heir.unit_id, event.effective_on, heir.successor_id, False))


def _reversal_needs(rec: Recorded, event: ReorganisationReversed) -> Needs:
    return _unit_needs(rec, event) + [(heirs, (c.unit.unit_id, event.effective_on)) for c in event.restored]


@roster.on(ReorganisationReversed, needs=_reversal_needs)
def reorganisation_reversed(rows: Rows, rec: Recorded, event: ReorganisationReversed) -> None:
    """The map of before, and nobody inherits."""
    unit_told(rows, rec, event)
    for change in event.restored:
        heir = rows.get(heirs, change.unit.unit_id, event.effective_on)
        if heir:
            rows.put(heirs, heir._replace(void=True))


def team_placed(rows: Rows, _: Recorded, event: history.PlaceEvent) -> None:
    """A team's guidances belong to its unit of the day."""
    for place in history.team_places(event, partial(rows.get, places)):
        rows.put(places, place)


roster.on(TeamFormed, needs=lambda *_: ())(team_placed)
roster.on(TeamReassigned, needs=lambda _, e: [(places, key) for key in history.place_keys(e)])(team_placed)


def _member_needs(_: Recorded, event: history.MemberEvent) -> Needs:
    return [(members, (event.member_id, event.team_id))]


def member_told(rows: Rows, _: Recorded, event: history.MemberEvent) -> None:
    """A person may record guidances of the days on the team; earlier ones may be entered after leaving."""
    after = history.membership(event, rows.get(members, event.member_id, event.team_id))
    rows.put(members, after)
    rows.put(spells, after)


roster.on(MemberJoined, needs=_member_needs)(member_told)
roster.on(MemberLeft, needs=_member_needs)(member_told)
roster.on(MemberRoleChanged, needs=_member_needs)(member_told)
