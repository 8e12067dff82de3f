"""SQL of the vocabularies: the words of teams' names, and those of people's, which stay within the search."""

from __future__ import annotations

from collections.abc import Sequence

from services.registry.ranking import Kind
from services.registry.slips import Reading, keys, reach, reading
from shared.db import Conn

_TABLES = {Kind.TEAM: "team_word", Kind.MEMBER: "vault_word"}


async def readings(conn: Conn, kind: Kind, typed: Sequence[str]) -> list[Reading]:
    """How each typed word may be meant in names of teams, or of people."""
    table = _TABLES[kind]
    rows = await conn.fetch(
        f"select word, false as begins from {table} where near && $1::text[] union all"
        " select typed, true from unnest($2::text[]) typed where exists"
        f' (select from {table} v where v.word >= typed collate "C" and v.word < typed || \'{{\' collate "C")',
        sorted(set().union(*(keys(word, reach(word)) for word in typed if reach(word)))),
        [word for word in typed if word.isalpha()],
    )
    beginnings = {word for word, begins in rows if begins} | {word for word in typed if not word.isalpha()}
    vocabulary = [word for word, begins in rows if not begins]
    return [reading(word, word in beginnings, vocabulary) for word in typed]
