"""What every use case of teams starts with: the team locked, the right to manage it, the site as it is on a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from services.registry import site
from services.registry.site import Site
from services.registry.store import teams, units
from services.registry.team import TeamHistory
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.db import Conn

ROLES = (*OFFICERS, Role.TEAM_LEADER)
"""Who may manage the members of a team."""
SCOPE = "officers: teams in the caller's units; a team leader: the own team"


class Placed(Protocol):
    """A team at a place."""

    @property
    def team_id(self) -> str:
        """Id of the team."""

    @property
    def path(self) -> tuple[str | None, ...]:
        """The unit and everything above it."""


def may_manage(caller: Caller, placed: Placed, province: str, *others: Role, field: str = "team_id") -> None:
    """Officers (and `others`) manage the teams of their units, a leader the own team whatever units the token names."""
    if not manages(caller, placed, province, *others):
        caller.must_cover((), field=field)  # refuses always


def manages(caller: Caller, placed: Placed, province: str, *others: Role) -> bool:
    """Whether `may_manage` lets the caller."""
    if caller.has(Role.TEAM_LEADER) and caller.team_id == placed.team_id:
        return True
    return caller.has(*OFFICERS, *others) and caller.covers((province, *placed.path))


async def lock_managed(
    conn: Conn, caller: Caller, team_ids: dict[str, str], province: str, now: datetime
) -> list[TeamHistory]:
    """The teams behind these fields, in their order, locked. Raises 404 or 422 for a team that there is not, 403 for
    one that the caller may not manage: the place in force today counts."""
    found = await teams.lock_histories(conn, team_ids.values())
    for field, team_id in team_ids.items():
        if team_id not in found:
            raise no_such_team(team_id) if field == "team_id" else unknown_team(team_id, field)
        may_manage(caller, found[team_id].place_on(local_day(now)), province, field=field)
    return [found[team_id] for team_id in team_ids.values()]


async def load_site(conn: Conn, unit_id: str, village_id: str | None, day: date, *, day_field: str) -> Site:
    """A unit and a village below it as they are on a day; the map stays as it is until the transaction ends."""
    await units.hold_map(conn)
    states = await units.states(conn, unit_id)
    unit = site.unit_on(states, unit_id, day, field="unit_id", day_field=day_field)
    village = None
    if village_id is not None:
        states = await units.states(conn, village_id)
        village = site.unit_on(states, village_id, day, field="village_id", day_field=day_field)
    return Site(unit, await units.has_communes(conn, unit_id, day), village)


def no_such_team(team_id: str) -> errors.Problem:
    """404: registry knows no such team."""
    return errors.not_found("no_such_team", "team_id", f"Không có tổ «{team_id}».", f"There is no team «{team_id}».")


def unknown_team(team_id: str, field: str) -> errors.Problem:
    """422: the body names a team that there is not."""
    return errors.invalid("unknown_team", field, f"Không có tổ «{team_id}».", f"There is no team «{team_id}».")
