"""A person's times on teams, as the page of the person tells them: where, as what, for which organisation, how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.registry.membership import Membership, RoleSince
from services.registry.store import memberships, pages, teams
from services.registry.store import units as store
from services.registry.team import TeamHistory, TeamPlace
from services.registry.team_access import manages
from services.registry.unit import Unit
from services.registry.web.visit import Visit
from shared.auth import Caller, Role
from shared.contracts.registry import LeaveReason
from shared.db import Conn


class Spell(NamedTuple):
    """A time on a team."""

    team_id: str
    team_name: str
    """On the last day of the time that is not ahead of us, like the place and its units."""
    village: str | None
    units: Sequence[Unit]
    """The unit and the district above it."""
    day: date
    roles: Sequence[RoleSince]
    """The latest first."""
    organisation: str | None
    joined_on: date
    left_on: date | None
    reason: LeaveReason | None
    may_open: bool
    """Whether the caller may open the team's page."""


async def spells_of(conn: Conn, visit: Visit, caller: Caller, member_id: str) -> list[Spell]:
    """All times of a person on teams, the latest first."""
    places = await memberships.memberships_of(conn, [member_id])
    histories = await teams.histories(conn, sorted({p.team_id for p in places}))
    organisations = await pages.organisation_names(conn, [p.organisation_id for p in places if p.organisation_id])

    async def spell(place: Membership) -> Spell:
        history = histories[place.team_id]
        day = max(place.joined_on, min(place.left_on or visit.today, visit.today))
        where = history.place_on(day)
        organisation = organisations.get(place.organisation_id or "", place.organisation_id)
        return Spell(
            place.team_id, history.name_on(day), where.village, await _units(conn, where, day), day,
            place.roles[::-1], organisation, place.joined_on, place.left_on, place.leave_reason,
            _may_open(visit, caller, history),
        )  # fmt: skip

    return [await spell(place) for place in reversed(places)]


async def _units(conn: Conn, where: TeamPlace, day: date) -> list[Unit]:
    ids = [i for i in dict.fromkeys((where.unit_id, where.district_id)) if i]
    found = await store.many_on_day(conn, ids, day)
    return [found[i] for i in ids if i in found]


def _may_open(visit: Visit, caller: Caller, history: TeamHistory) -> bool:
    return manages(caller, history.place_on(visit.today), visit.service.province, Role.OPERATOR)
