"""Whose teams and members a caller may see, and which of them are asked for.

What may be seen follows the places of today, also for a campaign of years ago: whoever has the team now has its past.
What is asked for follows the map that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.reporting import mapped, store
from services.reporting.maps import Map
from services.reporting.organisations import Tree
from services.reporting.store import Whose
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.db import Conn
from shared.service import Service


async def of(service: Service, conn: Conn, caller: Caller, within: str | None, on: Map) -> Whose:
    """The teams or members to list. Raises 403 outside the caller's units, 404 for what is not there."""
    if not caller.has(*OFFICERS, Role.OPERATOR, Role.TEAM_LEADER):
        return await _own_row(conn, caller.member_id or "", within, on)
    today = await mapped.map_of(service, conn, local_day(service.clock()))
    own = await _own_teams(conn, caller, today)
    wanted = await _wanted(conn, within, on)
    if own is None or within is None:
        return Whose(wanted if own is None else own)
    both = own if wanted is None else sorted(set(own) & set(wanted))
    if within in today.units or not both:  # of a unit that is gone, those teams that are the caller's by now
        caller._replace(units=_own(caller)).must_cover(today.path(within) or on.path(within), field="within")
    return Whose(both)


async def _own_row(conn: Conn, member_id: str, within: str | None, on: Map) -> Whose:
    if within not in (None, member_id):
        if within not in on.units:
            await must_be_known(conn, within or "", "within")
        Caller(member_id, frozenset(), ()).must_cover((within,), field="within")
    return Whose(member_ids=[member_id])


def _own(caller: Caller) -> tuple[str, ...]:
    if caller.has(*OFFICERS, Role.OPERATOR):
        return caller.units
    return (caller.team_id or "",)


async def _own_teams(conn: Conn, caller: Caller, today: Map) -> list[str] | None:
    """Teams that a caller may see; None for all."""
    if today.root in _own(caller):
        return None
    units = [i for i in _own(caller) if i in today.units]
    own_team = [caller.team_id] if caller.team_id and caller.has(Role.TEAM_LEADER) else []
    return sorted({*await _teams_below(conn, today, units), *own_team})


async def _wanted(conn: Conn, within: str | None, on: Map) -> list[str] | None:
    """Teams at or below a unit on a map, or the team itself; None for all."""
    if within in (None, on.root):
        return None
    if within in on.units:
        return sorted(await _teams_below(conn, on, [within]))
    await must_be_known(conn, within or "", "within")
    if not await store.is_team(conn, within or ""):
        must_be_there(on, within or "")
    return [within or ""]


async def _teams_below(conn: Conn, on: Map, units: Sequence[str]) -> set[str]:
    ids = {i for unit_id in units for i in on.below(unit_id)}
    there = await store.teams_at(conn, on.day, sorted(ids)) if ids else []
    return {*there, *(team_id for team_id, unit_id in on.strays.items() if unit_id in ids)}


async def must_be_known(conn: Conn, unit_or_team: str, field: str) -> None:
    """Raises 404 where there never was such a unit or team."""
    if await store.unit_name(conn, unit_or_team) is None and not await store.is_team(conn, unit_or_team):
        raise errors.not_found(
            "no_such_unit",
            field,
            f"Không có đơn vị hay tổ «{unit_or_team}». Xem /registry/units.",
            f"There is no unit or team «{unit_or_team}». See /registry/units.",
        )


def must_stand(tree: Tree, organisation_id: str) -> None:
    """Raises 404 where there never was such an organisation or group."""
    if organisation_id not in tree:
        raise errors.not_found(
            "no_such_organisation",
            "within",
            f"Không có tổ chức hay nhóm «{organisation_id}». Xem /registry/organisations.",
            f"There is no organisation or group «{organisation_id}». See /registry/organisations.",
        )


def must_be_there(on: Map, unit_id: str) -> None:
    """Raises 404 for a unit that is not on a map."""
    if unit_id not in on.units:
        raise errors.not_found(
            "no_such_unit",
            "within",
            f"Ngày {on.day:%d/%m/%Y} không có đơn vị «{unit_id}». Xem /registry/units, hoặc chọn ngày khác bằng «map».",
            f"There is no unit «{unit_id}» on {on.day}. See /registry/units, or choose another day with `map`.",
        )
