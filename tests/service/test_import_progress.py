"""How far a commit is can be seen while it lasts, from any process; what it writes is on record at once or never."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry import import_write
from services.registry.import_progress import STALLED, Share
from services.registry.imports.kinds import Kind
from services.registry.store import imports
from shared.auth import Role
from shared.clock import system_clock
from shared.contracts.registry import MemberJoined, TeamFormed, UnitEstablished
from shared.ids import new_id
from tests.support.sheets import TEAM, commit, filled, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, ok, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
ALL = {"mode": "all_or_nothing"}


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=f"officer-{new_id()}")


def people(count: int) -> list[dict[str, Any]]:
    """A new team for each."""
    mark = new_id()
    return [{**TEAM, "team_name": f"Tổ {mark} {n}", "full_name": "Nguyễn Văn Bình"} for n in range(count)]


async def state(officer: httpx.AsyncClient, import_id: str) -> tuple[str, int, int]:
    shown = await ok(officer.get(f"/registry/imports/{import_id}"))
    return shown["state"], shown["rows_done"], shown["rows_total"]


async def when(officer: httpx.AsyncClient, import_id: str, wanted: str) -> tuple[str, int, int]:
    """The state when it is this one."""
    for _ in range(500):
        if (found := await state(officer, import_id))[0] == wanted:
            return found
        await asyncio.sleep(0.01)
    raise TimeoutError(f"never {wanted}")


async def test_a_commit_tells_how_far_it_is_and_nothing_is_on_record_before_all_is(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    service = running.services["registry"]
    checked = await upload(officer, filled(people(40)))
    before = len(await running.log("registry", TeamFormed))
    async with service.pool.acquire() as conn:
        async with conn.transaction():
            await conn.execute("lock table membership in share mode")  # its writing comes so far and waits here
            writing = asyncio.create_task(commit(officer, checked["import_id"]))
            _, done, total = await when(officer, checked["import_id"], "committing")
            listed = await officer.get("/registry/imports")
            assert (total, [i["state"] for i in listed.json()]) == (40, ["committing"])
            assert 20 <= done < 40, "all lines are checked, and the teams are written"
            assert len(await running.log("registry", TeamFormed)) == before
            again = asyncio.create_task(commit(officer, checked["import_id"]))
            await asyncio.sleep(0.7)
            assert (await state(officer, checked["import_id"]))[1] >= done, "one that waits counts nothing"
        assert await again == await writing
    assert await state(officer, checked["import_id"]) == ("committed", 40, 40)
    assert len(await running.log("registry", TeamFormed)) == before + 40
    async with service.pool.acquire() as conn:
        assert await conn.fetchval("select count(*) from vault_import_progress") == 0


async def test_many_parts_are_written_as_one(
    running: Stack, officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_write, "AT_ONCE", 7)
    before = len(await running.log("registry", MemberJoined))
    data = filled(people(40))
    done = await commit(officer, (await upload(officer, data))["import_id"])
    assert (done["new"], done["events"]) == (40, 80)
    assert len(await running.log("registry", MemberJoined)) == before + 40
    assert (await upload(officer, data))["summary"]["unchanged"] == 40


async def test_villages_come_in_parts_too(
    running: Stack, officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_write, "AT_ONCE", 7)
    before = len(await running.log("registry", UnitEstablished))
    lines = [{"village": f"Thôn {n}", "unit": "Xã Đức Nhuận", "valid_from": "1/7/2023"} for n in range(20)]
    done = await commit(officer, (await upload(officer, filled(lines, Kind.VILLAGES), "villages"))["import_id"])
    assert (done["new"], len(await running.log("registry", UnitEstablished))) == (20, before + 20)


async def test_a_commit_that_breaks_half_way_leaves_nothing_and_can_be_sent_again(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    service = running.services["registry"]
    checked = await upload(officer, filled(people(3)))
    async with service.pool.acquire() as conn, conn.transaction():
        await conn.execute("lock table membership in share mode")
        writing = asyncio.create_task(officer.post(f"/registry/imports/{checked['import_id']}/commit", json=ALL))
        await when(officer, checked["import_id"], "committing")
        await conn.execute(
            "select pg_terminate_backend(pid) from pg_locks where relation = 'membership'::regclass and not granted"
        )
        assert (await writing).status_code == 503
        assert (await state(officer, checked["import_id"]))[0] == "checked"
    assert (await commit(officer, checked["import_id"]))["new"] == 3


async def test_a_refused_commit_is_not_under_way(officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled([*people(2), {**TEAM, "unit": "Xã Không Có"}]))
    answer = await officer.post(f"/registry/imports/{checked['import_id']}/commit", json=ALL)
    refused(answer, 422, "rows_refused", "rows.4.unit")
    assert await state(officer, checked["import_id"]) == ("checked", 3, 3)


async def test_a_commit_whose_process_ended_is_under_way_no_longer(running: Stack, officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled(people(2)))
    async with running.services["registry"].pool.acquire() as conn:
        await imports.note_commit(conn, checked["import_id"], 1, system_clock() - STALLED / 2)
        assert await state(officer, checked["import_id"]) == ("committing", 1, 2)
        await imports.note_commit(conn, checked["import_id"], 1, system_clock() - STALLED)
        assert await state(officer, checked["import_id"]) == ("checked", 2, 2)
    assert (await commit(officer, checked["import_id"]))["new"] == 2
    assert await state(officer, checked["import_id"]) == ("committed", 2, 2)


async def test_its_page_shows_the_progress(running: Stack, officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled(people(2)))
    async with running.services["registry"].pool.acquire() as conn:
        await imports.note_commit(conn, checked["import_id"], 1, system_clock())
    page = await officer.get(f"/so/nhap/{checked['import_id']}")
    assert "Đang ghi: 1 trong 2 dòng" in page.text
    assert '<progress id="progress" max="2" value="1">' in page.text


@pytest.mark.parametrize("pieces", [[0], [1, 1, 1], [3], [5, 0, 2], [1000, 1]])
def test_when_all_pieces_are_done_so_are_all_lines(pieces: list[int]) -> None:
    told: list[int] = []
    share = Share(told.append, lines=10, pieces=sum(pieces))
    for some in pieces:
        share.add(some)
    assert sum(told) == (10 if sum(pieces) else 0)
    assert all(0 <= lines <= 10 for lines in told)
