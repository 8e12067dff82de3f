"""What every use case of contacts starts with: for whom the contact answers, and the right to say so."""

from __future__ import annotations

from datetime import date

from services.registry.store import organisations, teams, units
from services.registry.store.contacts import COLUMNS, Contact, Whose
from services.registry.team_access import unknown_team
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.db import Conn

ROLES = OFFICERS
SCOPE = "units and teams in the caller's units; organisations: the whole province"


def whose(unit_id: str | None, organisation_id: str | None, team_id: str | None) -> Whose:
    """For whom a contact answers. Raises 422 unless exactly one is named."""
    named = [Whose(c, i) for c, i in zip(COLUMNS, (unit_id, organisation_id, team_id), strict=True) if i is not None]
    if len(named) != 1:
        raise errors.invalid(
            "name_one",
            "unit_id",
            "Hãy nêu đúng một: đơn vị hành chính, tổ chức hoặc tổ.",
            "Name exactly one: a unit, an organisation or a team.",
        )
    return named[0]


def whose_of(row: Contact) -> Whose:
    """For whom a contact on record answers."""
    return whose(row.unit_id, row.organisation_id, row.team_id)


async def must_reach(conn: Conn, caller: Caller, for_whom: Whose, province: str, day: date) -> None:
    """Raises 422 when there is no such unit, organisation or team on a day, 403 when it is not the caller's."""
    path = await _path(conn, for_whom, day)
    caller.must_cover((province, *(path or ())), field=for_whom.column)
    if path is None:
        raise _not_there(for_whom, day)


async def _path(conn: Conn, for_whom: Whose, day: date) -> tuple[str | None, ...] | None:
    """The ids by which a caller may cover it; None when it is not there."""
    if for_whom.column == "unit_id":
        unit = await units.on_day(conn, for_whom.thing_id, day)
        return unit.path if unit else None
    if for_whom.column == "organisation_id":
        return () if await organisations.on_day(conn, for_whom.thing_id, day) else None
    history = await teams.history(conn, for_whom.thing_id)
    return history.place_on(day).path if history else None


def _not_there(for_whom: Whose, day: date) -> errors.Problem:
    if for_whom.column == "team_id":
        return unknown_team(for_whom.thing_id, "team_id")
    return errors.invalid(
        "not_there",
        for_whom.column,
        f"Không có «{for_whom.thing_id}» vào ngày {day:%d/%m/%Y}.",
        f"There is no «{for_whom.thing_id}» on {day}.",
    )
