"""SQL of the vault: the only place of people's names and phones, and the record of who read or wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.registry.person import Action, Held, LegalBasis, Person, Place
from shared.db import Conn

_FIELDS = "array_remove(array['full_name', case when phone is not null then 'phone' end,"
_FIELDS += " case when title is not null then 'title' end], null)"
_ON_DAY = "known_to is null and valid_from <= $2 and (valid_to is null or valid_to > $2)"
_NOTE = "insert into vault_access (at, subject, roles, member_id, action, fields, why, trace)"


class Access(NamedTuple):
    """Who does what, why and when: all that is the same for each person of one call."""

    at: datetime
    subject: str
    roles: list[str]
    why: str
    trace: str


async def save_person(conn: Conn, member_id: str, full_name: str, phone: str | None) -> None:
    """Writes a member's name and phone to the vault."""
    await conn.execute(
        "insert into vault_person (member_id, full_name, phone) values ($1, $2, $3)", member_id, full_name, phone
    )


async def read_and_note(
    conn: Conn, access: Access, member_ids: Sequence[str], *, withdrawn_too: bool
) -> dict[str, Person]:
    """People by id, each read noted in the same statement: nothing comes out that is not on record."""
    rows = await conn.fetch(
        "with found as (select member_id, full_name, phone, title, legal_basis from vault_person"
        " where member_id = any($6::text[]) and ($7 or withdrawn_at is null)),"
        f" noted as ({_NOTE} select $1, $2, $3, member_id, 'read', {_FIELDS}, $4, $5 from found)"
        " select * from found",
        *access,
        list(member_ids),
        withdrawn_too,
    )
    return {r["member_id"]: _person(r) for r in rows}


async def lock(conn: Conn, member_ids: Sequence[str]) -> dict[str, Held]:
    """What is held of these, locked until the transaction ends. Answers the service itself, never a caller."""
    rows = await conn.fetch(
        "select member_id, full_name, phone, title, legal_basis, withdrawn_at from vault_person"
        " where member_id = any($1::text[]) order by member_id for update",
        list(member_ids),
    )
    return {r["member_id"]: Held(_person(r), r["withdrawn_at"]) for r in rows}


async def is_held(conn: Conn, member_id: str) -> bool:
    """Whether there is a row of a person, withdrawn or not."""
    found: bool = await conn.fetchval("select exists (select from vault_person where member_id = $1)", member_id)
    return found


async def erased(conn: Conn, member_ids: Sequence[str]) -> set[str]:
    """Those of these ids whose person was erased."""
    rows = await conn.fetch("select member_id from vault_erased where member_id = any($1::text[])", list(member_ids))
    return {r["member_id"] for r in rows}


async def places(conn: Conn, member_id: str, day: date) -> list[Place]:
    """Where a person is or was, on teams and as a contact, in the units in which these are on a day."""
    rows = await conn.fetch(
        f"with place as not materialized (select * from team_place where {_ON_DAY}),"
        f" unit as not materialized (select * from unit_version where {_ON_DAY})"
        " select m.team_id, p.unit_id, p.commune_id, p.district_id, m.left_on as last_day"
        " from membership m join place p using (team_id) where m.member_id = $1 union all"
        " select c.team_id, coalesce(p.unit_id, c.unit_id), coalesce(p.commune_id, u.commune_id),"
        " coalesce(p.district_id, u.district_id), c.last_day from contact c left join place p using (team_id)"
        " left join unit u on u.unit_id = c.unit_id where c.contact_id = $1",
        member_id,
        day,
    )
    return [Place(r["team_id"], (r["unit_id"], r["commune_id"], r["district_id"]), r["last_day"]) for r in rows]


async def save_people(conn: Conn, people: Sequence[Person]) -> None:
    """Writes people, new ones and known ones alike; a withdrawal ends."""
    await conn.execute(
        "insert into vault_person (member_id, full_name, phone, title, legal_basis)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
        " on conflict (member_id) do update set full_name = excluded.full_name, phone = excluded.phone,"
        " title = excluded.title, legal_basis = excluded.legal_basis, withdrawn_at = null",
        *([list(column) for column in zip(*people, strict=True)] or [[]] * 5),
    )


async def save_withdrawal(conn: Conn, member_id: str, at: datetime) -> None:
    """Marks a person's basis as withdrawn."""
    await conn.execute("update vault_person set withdrawn_at = $2 where member_id = $1", member_id, at)


async def save_erasure(conn: Conn, member_id: str, at: datetime) -> bool:
    """Deletes what is held of a person and remembers that there was one; answers False when that was done before."""
    status = await conn.execute(
        "insert into vault_erased (member_id, erased_at) values ($1, $2) on conflict do nothing", member_id, at
    )
    await conn.execute("delete from vault_person where member_id = $1", member_id)
    await conn.execute(  # the digest of a body that held the name: whoever guesses the name could try it
        "update receipt set digest = '' where id = $1 and command in ('join_team', 'register_contact')", member_id
    )
    return status.endswith(" 1")


async def note_access(
    conn: Conn, access: Access, action: Action, member_ids: Sequence[str], fields: Sequence[Sequence[str]]
) -> None:
    """Puts on record what was done with people's data, and with which fields of each."""
    await conn.execute(
        f"{_NOTE} select $1, $2, $3, member_id, $6, string_to_array(fields, ','), $4, $5"
        " from unnest($7::text[], $8::text[]) as n(member_id, fields)",
        *access,
        action,
        list(member_ids),
        [",".join(names) for names in fields],
    )


def _person(row: Any) -> Person:
    return Person(row["member_id"], row["full_name"], row["phone"], row["title"], LegalBasis(row["legal_basis"]))
