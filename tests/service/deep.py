"""A commune with a level between it and its thôn, and levels below them: four deep, with a team at each depth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.service.reforms import TRA_BUI, World, found_team, world
from tests.support.servers import Nats, Postgres
from tests.support.world import ok

QUARTER, HAMLET, HAMLET_2, GROUP, GROUP_2, LANE = "q-1", "h-1", "h-2", "g-1", "g-2", "l-1"
NAMES = {
    QUARTER: "Khu phố Đông", HAMLET: "Thôn Thượng", HAMLET_2: "Thôn Hạ", GROUP: "Tổ liên gia 1",
    GROUP_2: "Tổ liên gia 1", LANE: "Ngõ 1",
}  # fmt: skip
ABOVE = {QUARTER: TRA_BUI, HAMLET: QUARTER, HAMLET_2: QUARTER, GROUP: HAMLET, GROUP_2: HAMLET_2, LANE: GROUP}
KINDS = {
    QUARTER: "quarter", HAMLET: "hamlet", HAMLET_2: "hamlet", GROUP: "household_group", GROUP_2: "household_group",
    LANE: "lane",
}  # fmt: skip
DISTRICT = "525"


def a_level(level_id: str, rank: int, word: str, **changed: Any) -> dict[str, Any]:
    """A level with one kind of the same id."""
    kind = {"kind_id": level_id, "word_vi": word, "word_en": level_id.replace("_", " ")}
    names = {"name_vi": f"cấp {word.lower()}", "name_en": f"{level_id.replace('_', ' ')} level"}
    return {"level_id": level_id, "rank": rank, **names, "kinds": [kind], **changed}


LEVELS = [
    a_level("quarter", 350, "Khu phố"),
    a_level("household_group", 500, "Tổ liên gia"),
    a_level("lane", 600, "Ngõ"),
]


@asynccontextmanager
async def deep_world(postgres: Postgres, nats: Nats) -> AsyncIterator[World]:
    """Trà Bùi with its deep tree, and a team of the commune itself. In August 2025, on the map of 2023."""
    async with world(postgres, nats, TRA_BUI) as made:
        await grow(made.officer)
        yield made


async def grow(officer: httpx.AsyncClient) -> None:
    """At Trà Bùi a quarter, two hamlets in it, a household group in each, a lane in the first group; a team with a
    leader at each of quarter, hamlet, groups and lane."""
    for level in LEVELS:
        await ok(officer.post("/registry/levels", json=level), 201)
    for unit_id in NAMES:
        await establish(officer, unit_id)
    for unit_id in (QUARTER, HAMLET, GROUP, GROUP_2, LANE):
        at = {"level": "village", "village": NAMES[unit_id], "village_id": unit_id}
        await found_team(officer, TRA_BUI, unit_id, **at)


async def establish(officer: httpx.AsyncClient, unit_id: str, **changed: Any) -> dict[str, Any]:
    """One of the units below Trà Bùi."""
    body = {"village_id": unit_id, "name": NAMES.get(unit_id), "kind": KINDS.get(unit_id)}
    body |= {"parent_id": ABOVE.get(unit_id), "valid_from": "2023-07-03", **changed}
    return await ok(officer.post("/registry/villages", json=body), 201)
