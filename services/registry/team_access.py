"""What every use case of teams starts with: the team locked, the right to manage it, the site as it is on a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple, Protocol

from services.registry import site
from services.registry.site import Site
from services.registry.store import lineage, reforms, teams, units
from services.registry.team import TeamHistory
from services.registry.unit import Unit, home_id
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.db import Conn

ROLES = (*OFFICERS, Role.TEAM_LEADER)
"""Who may manage the members of a team."""
SCOPE = "officers: teams in the caller's units; a team leader: the own team"


class Wanted(NamedTuple):
    """Where somebody wants a team to be."""

    unit_id: str
    village_id: str | None
    successor_id: str | None
    """Which successor, if the unit was split since."""


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


async def load_site(conn: Conn, wanted: Wanted, day: date, *, day_field: str) -> Site:
    """A site as it is on a day and since; the map stays as it is until the transaction ends."""
    await units.hold_map(conn)
    states = await units.states(conn, wanted.unit_id)
    unit = site.unit_on(states, wanted.unit_id, day, field="unit_id", day_field=day_field)
    village = None
    if wanted.village_id is not None:
        states = await units.states(conn, wanted.village_id)
        village = site.unit_on(states, wanted.village_id, day, field="village_id", day_field=day_field)
    since = await later(conn, village or unit, wanted.successor_id)
    return Site(unit, await units.has_communes(conn, unit.unit_id, day), village, since)


async def later(conn: Conn, anchor: Unit, chosen: str | None) -> tuple[Site, ...]:
    """What became of a unit or a village since, by the reforms that are known; nothing while it is as it was."""
    found: list[Site] = []
    while anchor.valid_to is not None:
        day, before = anchor.valid_to, anchor
        same = await units.on_day(conn, before.unit_id, day)
        anchor = same or await _successor(conn, before, day, chosen)
        home = anchor.level is Level.VILLAGE and await units.on_day(conn, home_id(anchor), day)
        found.append(Site(home, False, anchor) if home else Site(anchor, False))
    return tuple(found)


async def _successor(conn: Conn, ended: Unit, day: date, chosen: str | None) -> Unit:
    """Who follows a unit that ended: the only successor, the heir where there is none, else the one that is chosen."""
    ids = [r.unit_id for r in await lineage.successors(conn, ended.unit_id, day) if r.since == day]
    ids = ids or await reforms.heirs_of(conn, ended.unit_id, day)
    there = await units.many_on_day(conn, ids, day)
    meant = ids[0] if len(ids) == 1 else chosen
    if meant not in there:
        raise site.successor_needed(ended, day, list(there.values())) if there else site.unit_ended(ended, day)
    return there[meant]


def no_such_team(team_id: str) -> errors.Problem:
    """404: registry knows no such team."""
    return errors.not_found("no_such_team", "team_id", f"Không có tổ «{team_id}».", f"There is no team «{team_id}».")


def unknown_team(team_id: str, field: str) -> errors.Problem:
    """422: the body names a team that there is not."""
    return errors.invalid("unknown_team", field, f"Không có tổ «{team_id}».", f"There is no team «{team_id}».")
