"""What outreach follows of registry: which units there are, who is on which team, from when to when."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.contracts import Recorded
from shared.contracts.registry import MemberJoined, MemberLeft, UnitEstablished
from shared.projection import Projection, Rows, Table


class RosterUnit(NamedTuple):
    """A unit in force."""

    unit_id: str
    level: str
    name: str


class RosterMember(NamedTuple):
    """A member's place on a team; the days are included."""

    member_id: str
    team_id: str
    unit_id: str
    district_id: str | None
    commune_id: str | None
    joined_on: date
    left_on: date | None


units = Table("roster_unit", RosterUnit, key=1)
members = Table("roster_member", RosterMember, key=1)
roster = Projection("roster", version=1, tables=(units, members))


@roster.on(UnitEstablished, needs=lambda *_: ())
def unit_established(rows: Rows, _: Recorded, event: UnitEstablished) -> None:
    """A unit may be named from now on."""
    rows.put(units, RosterUnit(event.unit_id, event.level, event.name))


@roster.on(MemberJoined, needs=lambda *_: ())
def member_joined(rows: Rows, _: Recorded, event: MemberJoined) -> None:
    """A member may record guidances of days from `joined_on` on."""
    rows.put(
        members,
        RosterMember(
            event.member_id, event.team_id, event.unit_id, event.district_id, event.commune_id, event.joined_on, None
        ),
    )


@roster.on(MemberLeft, needs=lambda _, e: [(members, (e.member_id,))])
def member_left(rows: Rows, _: Recorded, event: MemberLeft) -> None:
    """Days after `left_on` no longer count; earlier ones may still be entered."""
    member = rows.get(members, event.member_id)
    if member is None:
        raise LookupError(f"member {event.member_id} left but never joined")
    rows.put(members, member._replace(left_on=event.left_on))
