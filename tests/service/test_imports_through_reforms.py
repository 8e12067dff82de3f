"""Files that come after a reform: old names on the founding day, new names today, exports that come back unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.contracts.registry import TeamReassigned
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.sheets import TEAM, commit, filled, lines, upload
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import ok

BEFORE, AFTER = datetime(2023, 7, 28, 1, tzinfo=UTC), datetime(2025, 8, 1, 1, tzinfo=UTC)
TRA_BUI = "Xã Trà Bùi"


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry in August 2025, with a file of July 2023 on record."""
    clock = HandClock(BEFORE)
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=clock) as started:
        await ok(started.client(Role.OPERATOR, units=["51"]).post("/registry/editions/2023"), 201)
        province = started.client(Role.PROVINCE_OFFICER, units=["51"])
        checked = await upload(province, old_file())
        assert (await commit(province, checked["import_id"]))["new"] == 3
        clock.now = AFTER
        for edition in ("2025-01", "2025-07"):
            await ok(province.post("/registry/reforms", json={"edition": edition}), 201)
        yield started


def old_file() -> bytes:
    """A team of a town that keeps its name, one of a commune that is merged, one of Lý Sơn."""
    return filled([
        {**TEAM, "full_name": "Nguyễn Văn Bình", "phone": "0901234567", "role": "Tổ trưởng"},
        {**TEAM, "team_name": "Tổ Nghĩa Phú", "unit": "Xã Nghĩa Phú", "full_name": "Trần Thị Hoà"},
        {**TEAM, "team_name": "Tổ Lý Sơn", "unit": "Lý Sơn", "level": "Cấp huyện"},
    ])  # fmt: skip


@pytest.fixture
def province(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.PROVINCE_OFFICER, units=["51"], subject=f"province-{new_id()}")


async def test_the_file_of_2023_changes_nothing_in_2025(province: httpx.AsyncClient) -> None:
    again = await upload(province, old_file())
    assert again["summary"]["unchanged"] == 3, await lines(province, again["import_id"])


async def test_the_export_of_2025_comes_back_unchanged(province: httpx.AsyncClient) -> None:
    answer = await province.get("/registry/exports/teams-and-members.xlsx")
    back = await upload(province, answer.content)
    assert back["summary"]["unchanged"] == back["rows_total"] >= 3, await lines(province, back["import_id"])


async def test_a_paper_of_2023_typed_in_2025_goes_where_its_commune_went(
    running: Stack, province: httpx.AsyncClient
) -> None:
    name = f"Tổ {new_id()}"
    checked = await upload(province, filled([{**TEAM, "team_name": name, "unit": "Xã Nghĩa Phú"}]))
    assert checked["summary"]["new"] == 1, await lines(province, checked["import_id"])
    await commit(province, checked["import_id"])
    team = next(t for t in await _teams(province) if t["name"] == name)
    moves = [e for e in await running.log("registry", TeamReassigned) if e.key() == team["team_id"]]
    assert len(moves) == 2, "into its neighbour in January 2025, into the new commune in July"
    again = await upload(province, filled([{**TEAM, "team_name": name, "unit": "Xã Nghĩa Phú"}]))
    assert again["summary"]["unchanged"] == 1


async def test_a_team_of_a_commune_that_was_split_waits_for_a_choice(province: httpx.AsyncClient) -> None:
    name = f"Tổ {new_id()}"
    data = filled([{**TEAM, "team_name": name, "unit": TRA_BUI}])
    checked = await upload(province, data)
    [line] = await lines(province, checked["import_id"])
    choices = {c["id"]: c["name"] for c in line["remarks"][0]["choices"]}
    assert set(choices.values()) == {"Xã Cà Đam", "Xã Tây Trà Bồng"}
    chosen = next(i for i, n in choices.items() if n == "Xã Cà Đam")
    choice = {"column": "unit", "row": line["row"], "id": chosen}
    assert (await commit(province, checked["import_id"], choices=[choice]))["new"] == 1
    assert next(t for t in await _teams(province) if t["name"] == name)["unit_id"] == chosen
    assert (await upload(province, data))["summary"]["unchanged"] == 1


async def _teams(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await ok(client.get("/registry/teams", params={"limit": 500})))["items"]
    return items
