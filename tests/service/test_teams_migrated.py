"""An older database keeps its teams and members, where they were and since when that is known."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg

from services.registry.app import SPEC as REGISTRY
from services.registry.membership import Membership, RoleSince
from services.registry.organisation import BEGINNING, OPEN, State
from services.registry.store import memberships, organisations, teams
from services.registry.store.organisations import OnDay
from services.registry.team import NameSince
from shared import db
from shared.contracts.registry import LeaveReason, Role

TOLD = datetime(2023, 7, 5, 1, tzinfo=UTC)
FORMED, LEFT = date(2023, 7, 3), date(2023, 7, 20)
OLD = """
    insert into unit values ('533', '533', 'Huyện Mộ Đức', 'district', 'district', null, '533', null, '2023',
      '2020-02-01'), ('21400', '21400', 'Thị trấn Mộ Đức', 'township', 'commune', '533', '533', '21400', '2023',
      '2020-02-01');
    insert into organisation values ('doan', 'Tỉnh đoàn', 'youth_union', 9);
    insert into team values ('t1', 'Tổ', 'village', '21400', 'Thôn 1', '533', '21400', '12/QĐ', '2023-07-01',
      '2023-07-03');
    insert into member values ('an', 't1', 'leader', 'doan', '2023-07-03', '2023-07-20', 'new_duty'),
      ('binh', 't1', 'member', null, '2023-07-04', null, null);
    insert into vault_person values ('an', 'Nguyễn Văn Thử', null);
"""


async def test_teams_and_members_are_as_they_were(database: Callable[..., Awaitable[str]], tmp_path: Path) -> None:
    old = tmp_path / "registry" / "migrations"
    old.mkdir(parents=True)
    shutil.copy(REGISTRY.migrations / "0001_registry.sql", old)
    dsn = await database(db.PRODUCER, db.COMMANDS, old)
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute(OLD)
        told = "vn.cds.registry.team_formed.v1", "s", "t1", TOLD, TOLD, "", "{}", TOLD
        await conn.execute("insert into log values (1, 1, 'e', $1, $2, $3, $4, $5, $6, $7, $8)", *told)
        await db.migrate(dsn, REGISTRY.folders)

        history = await teams.history(conn, "t1")
        assert history
        assert (history.team.formed_on, history.names) == (FORMED, (NameSince(FORMED, "Tổ"),))
        assert [(p.valid_from, p.valid_to, p.unit_id, p.village, p.path, p.reason) for p in history.places] == [
            (FORMED, None, "21400", "Thôn 1", ("21400", "21400", "533"), "founding")
        ]
        assert await memberships.memberships(conn, ["t1"]) == [
            Membership("an", "t1", FORMED, LEFT, LeaveReason.NEW_DUTY, "doan", (RoleSince(FORMED, Role.LEADER),)),
            Membership("binh", "t1", date(2023, 7, 4), None, None, None, (RoleSince(date(2023, 7, 4), Role.MEMBER),)),
        ]
        assert await memberships.people(conn, ["an", "binh"]) == {"an": "doan", "binh": None}
        assert await organisations.on_day(conn, "doan", FORMED) == OnDay(
            State("doan", BEGINNING, OPEN, "Tỉnh đoàn", "youth_union", None), 9
        )
        assert await conn.fetchval("select known_from from team_place") == TOLD
        assert await conn.fetchval("select full_name from vault_person where member_id = 'an'") == "Nguyễn Văn Thử"
    finally:
        await conn.close()


async def test_no_team_is_at_two_places_and_nobody_twice_on_a_team_even_by_hand(
    database: Callable[..., Awaitable[str]],
) -> None:
    conn = await asyncpg.connect(await database(*REGISTRY.folders))
    try:
        await conn.execute(
            "insert into unit values ('u'); insert into person values ('an');"
            "insert into team (team_id, name, level, unit_id, decision_number, decision_date, formed_on)"
            " values ('t1', 'Tổ', 'commune', 'u', '1', '2023-07-01', '2023-07-03')"
        )
        place = (
            "insert into team_place (team_id, valid_from, valid_to, unit_id, level, reason, known_from)"
            " values ('t1', $1, $2, 'u', 'commune', 'founding', now())"
        )
        member = "insert into membership values ('an', 't1', $1, $2, $3)"
        await conn.execute(place, FORMED, LEFT)
        await conn.execute(place, LEFT, None)
        await conn.execute(member, FORMED, LEFT, "other")
        for statement, values in (
            (place, (date(2023, 7, 19), LEFT)),
            (member, (LEFT, None, None)),
        ):
            try:
                await conn.execute(statement, *values)
            except asyncpg.ExclusionViolationError:
                continue
            raise AssertionError(statement)
    finally:
        await conn.close()
