"""A registry of 100,000 people on 10,000 teams, as a fusion of two provinces and a few years may bring, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import asyncpg

from phongtrao.demo_names import MOUNTAIN_DISTRICTS, person_name
from services.registry import editions
from services.registry.store import units
from services.registry.unit import Unit
from shared.contracts.reform import Level
from tests.bench.world import BEGIN, FORMED

DISTRICT = "533"
"""The district whose officer asks, a thirteenth of the province."""


async def fill(dsn: str, people: int) -> None:
    """Units of 2023, a team for every ten people, all of whom joined on one day but for a tenth that came later."""
    conn = await asyncpg.connect(dsn)
    try:
        states = editions.units("2023")
        await units.save_states(conn, states, known_from=BEGIN)
        communes = [u for u in states if u.level is Level.COMMUNE]
        teams = [(f"t{n:06}", communes[n % len(communes)]) for n in range(max(people // 10, 1))]
        for table, rows in _rows(teams, people):
            records = list(rows)
            columns = _COLUMNS[table]
            await conn.copy_records_to_table(table, records=records, columns=columns, timeout=600)
        await conn.execute("vacuum analyze")
    finally:
        await conn.close()


_COLUMNS = {
    "team": ("team_id", "name", "level", "unit_id", "district_id", "commune_id", "decision_number", "decision_date",
             "formed_on"),
    "team_name": ("team_id", "valid_from", "name", "known_from"),
    "team_place": ("team_id", "valid_from", "unit_id", "level", "district_id", "commune_id", "reason", "known_from"),
    "person": ("member_id",),
    "membership": ("member_id", "team_id", "joined_on"),
    "membership_role": ("member_id", "team_id", "joined_on", "role", "valid_from", "known_from"),
    "vault_person": ("member_id", "full_name", "phone", "legal_basis"),
}  # fmt: skip


def _rows(teams: Sequence[tuple[str, Unit]], people: int) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    rng = random.Random(2023)
    places = [(f"m{n:06}", *teams[n % len(teams)], _joined_on(n)) for n in range(people)]
    roles = ["leader", "deputy"]
    named = [(team_id, f"Tổ công nghệ số cộng đồng {n}", c) for n, (team_id, c) in enumerate(teams, 1)]
    yield "team", ((i, name, "commune", c.unit_id, c.district_id, c.unit_id, "1/QĐ", FORMED, FORMED)
                   for i, name, c in named)  # fmt: skip
    yield "team_name", ((i, FORMED, name, BEGIN) for i, name, _ in named)
    yield "team_place", ((i, FORMED, c.unit_id, "commune", c.district_id, c.unit_id, "founding", BEGIN)
                         for i, _, c in named)  # fmt: skip
    yield "person", ((member_id,) for member_id, *_ in places)
    yield "membership", ((member_id, team_id, day) for member_id, team_id, _, day in places)
    yield (
        "membership_role",
        (
            (member_id, team_id, day, (roles[n // len(teams) :] or ["member"])[0], day, BEGIN)
            for n, (member_id, team_id, _, day) in enumerate(places)
        ),
    )
    yield (
        "vault_person",
        (
            (member_id, person_name(rng, mountain=c.district_id in MOUNTAIN_DISTRICTS), f"01{n:08}", "public_task")
            for n, (member_id, _, c, _) in enumerate(places)
        ),
    )


def _joined_on(number: int) -> date:
    return FORMED + timedelta(days=number % 300 if number % 10 == 9 else 0)
