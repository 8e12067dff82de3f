"""SQL of contacts: who answers for a unit, an organisation or a team. Names are the vault's."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.db import Conn

COLUMNS = ("unit_id", "organisation_id", "team_id")
"""What a contact may answer for."""
_CONTACT = "contact_id, unit_id, organisation_id, team_id, since, last_day"


class Whose(NamedTuple):
    """What a contact answers for: one of COLUMNS, and its id."""

    column: str
    thing_id: str


class Contact(NamedTuple):
    """A row of `contact`; exactly one of unit, organisation and team is named."""

    contact_id: str
    unit_id: str | None
    organisation_id: str | None
    team_id: str | None
    since: date
    last_day: date | None


async def contact(conn: Conn, contact_id: str) -> Contact | None:
    """One contact, locked until the transaction ends."""
    row = await conn.fetchrow(f"select {_CONTACT} from contact where contact_id = $1 for update", contact_id)
    return Contact(*row.values()) if row else None


async def contacts(conn: Conn, whose: Whose, day: date) -> list[Contact]:
    """The contacts on a day of a unit, an organisation or a team."""
    column, thing_id = COLUMNS[COLUMNS.index(whose.column)], whose.thing_id
    rows = await conn.fetch(
        f"select {_CONTACT} from contact where {column} = $1 and since <= $2"
        " and (last_day is null or last_day >= $2) order by contact_id",
        thing_id,
        day,
    )
    return [Contact(*r.values()) for r in rows]


async def save_contact(conn: Conn, row: Contact) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into contact ({_CONTACT}) values ($1, $2, $3, $4, $5, $6) on conflict do nothing", *row
    )
    return status.endswith(" 1")


async def save_last_day(conn: Conn, contact_id: str, last_day: date) -> None:
    """Notes a contact's last day."""
    await conn.execute("update contact set last_day = $2 where contact_id = $1", contact_id, last_day)
