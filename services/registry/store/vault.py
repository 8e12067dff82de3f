"""SQL of the vault: the only place of people's names and phones."""

from __future__ import annotations

from shared.db import Conn


async def save_person(conn: Conn, member_id: str, full_name: str, phone: str | None) -> None:
    """Writes a member's name and phone to the vault."""
    await conn.execute(
        "insert into vault_person (member_id, full_name, phone) values ($1, $2, $3)", member_id, full_name, phone
    )
