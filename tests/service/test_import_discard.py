"""An upload that nobody will write is discarded: its lines are gone at once, and the record says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.registry.import_worker import SILENT
from services.registry.imports.kinds import Kind
from services.registry.imports.line import Line
from services.registry.imports.sheet import Found
from services.registry.store import imports
from shared.auth import Role
from shared.clock import system_clock
from shared.ids import new_id
from tests.support.pages import goes, page, text_of
from tests.support.sheets import TEAM, commit, filled, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, ok, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
NAME = "Hồ Thị Không Ghi"


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=f"officer-{new_id()}")


async def checked(officer: httpx.AsyncClient, *more: dict[str, Any]) -> str:
    """The id of an upload that waits to be written."""
    line = {**TEAM, "team_name": f"Tổ {new_id()}", "full_name": NAME}
    found = await upload(officer, filled([line, *more]), file_name=f"{NAME}.xlsx")
    assert found["state"] == "checked"
    return str(found["import_id"])


async def discard(officer: httpx.AsyncClient, import_id: str) -> httpx.Response:
    return await officer.post(f"/registry/imports/{import_id}/discard")


async def state_of(officer: httpx.AsyncClient, import_id: str) -> str:
    return str((await ok(officer.get(f"/registry/imports/{import_id}")))["state"])


async def held(running: Stack, import_id: str) -> str:
    """Everything that the database holds of an upload."""
    async with running.services["registry"].pool.acquire() as conn:
        rows = await conn.fetch("select r::text from vault_import_row r where import_id = $1", import_id)
        row = await conn.fetchval("select i::text from vault_import i where import_id = $1", import_id)
    return "\n".join([row, *(r[0] for r in rows)])


async def records(running: Stack, import_id: str) -> list[str]:
    async with running.services["registry"].pool.acquire() as conn:
        rows = await conn.fetch("select action from vault_access where member_id = $1 order by at", import_id)
    return [r["action"] for r in rows]


async def test_its_lines_and_the_name_of_its_file_are_gone_at_once_and_that_is_on_record(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    import_id = await checked(officer)
    assert (await held(running, import_id)).count(NAME) == 2, "in its line and in the name of the file"
    first = await ok(discard(officer, import_id))
    assert NAME not in await held(running, import_id)
    shown = await ok(officer.get(f"/registry/imports/{import_id}"))
    assert (shown["state"], shown["file_name"], shown["lines_kept"]) == ("discarded", None, False)
    assert (await ok(officer.get(f"/registry/imports/{import_id}/rows")))["items"] == []
    assert await ok(discard(officer, import_id)) == first, "again is harmless"
    assert (await records(running, import_id)).count("erased") == 1
    answer = await officer.post(f"/registry/imports/{import_id}/commit", json={"mode": "good_rows"})
    refused(answer, 409, "discarded_already", "import_id")


async def test_anothers_upload_is_not_even_there(running: Stack, officer: httpx.AsyncClient) -> None:
    import_id = await checked(officer)
    other = running.client(Role.PROVINCE_OFFICER, units=["51"], subject="other")
    refused(await discard(other, import_id), 404, "no_such_import", "import_id")
    leader = running.client(Role.TEAM_LEADER, units=[MO_DUC], subject="leader")
    assert (await discard(leader, import_id)).status_code == 403
    assert (await discard(running.client(), import_id)).status_code == 401
    assert await state_of(officer, import_id) == "checked"


async def test_what_is_written_is_not_discarded_even_where_lines_were_left(officer: httpx.AsyncClient) -> None:
    import_id = await checked(officer, {**TEAM, "unit": "Xã Không Có"})
    await commit(officer, import_id, "good_rows")
    refused(await discard(officer, import_id), 409, "committed_already", "import_id")
    assert len((await ok(officer.get(f"/registry/imports/{import_id}/rows")))["items"]) == 1


@pytest.mark.parametrize("state", ["waiting", "reading", "checking"])
async def test_what_is_being_checked_is_not_discarded(running: Stack, officer: httpx.AsyncClient, state: str) -> None:
    import_id = await checked(officer)
    async with running.services["registry"].pool.acquire() as conn:
        change = "update vault_import set state = $2, touched_at = $3 where import_id = $1"
        await conn.execute(change, import_id, state, system_clock())
        refused(await discard(officer, import_id), 409, "import_under_way", "import_id")
        await conn.execute(change, import_id, state, system_clock() - SILENT - timedelta(seconds=1))
    await ok(discard(officer, import_id))  # its process has ended: it will never be checked
    assert NAME not in await held(running, import_id)


async def test_a_commit_that_is_under_way_is_told_of_and_one_that_has_just_begun_is_waited_for(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    import_id = await checked(officer)
    async with running.services["registry"].pool.acquire() as conn, conn.transaction():
        await conn.execute("lock table membership in share mode")
        writing = asyncio.create_task(commit(officer, import_id))
        while not await conn.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0.01)
        early = asyncio.create_task(discard(officer, import_id))
        async with asyncio.timeout(20):
            while await state_of(officer, import_id) != "committing":
                await asyncio.sleep(0.01)
        refused(await discard(officer, import_id), 409, "import_under_way", "import_id")
    assert (await writing)["new"] == 1
    early_answer = await early
    assert (early_answer.status_code, await state_of(officer, import_id)) == (409, "committed")


async def test_a_process_that_thought_it_still_had_it_brings_nothing_back(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    import_id = await checked(officer)
    await ok(discard(officer, import_id))
    found = Found("Tổ", {"full_name": "A"}, [Line(2, {"full_name": NAME})])
    async with running.services["registry"].pool.acquire() as conn, conn.transaction():
        await imports.note_progress(conn, import_id, "reading", 0, system_clock())
        await imports.save_lines(conn, import_id, found)
        await imports.save_verdicts(conn, import_id, [], {}, system_clock())
    assert NAME not in await held(running, import_id)
    async with running.services["registry"].pool.acquire() as conn, conn.transaction():
        await imports.note_failure(conn, import_id, {}, system_clock())
    assert await state_of(officer, import_id) == "discarded"


async def test_on_the_page_it_is_asked_first_and_done_then(running: Stack, officer: httpx.AsyncClient) -> None:
    import_id = await checked(officer)
    path = f"/so/nhap/{import_id}/bo"
    assert f'href="{path}"' in (await officer.get(f"/so/nhap/{import_id}")).text
    asked = await page(officer, path)
    assert f"Bỏ tệp «{NAME}.xlsx»? Tổ và thành viên, 1 dòng" in asked
    assert "được xóa khỏi hệ thống ngay" in asked
    assert await state_of(officer, import_id) == "checked", "a look changes nothing"
    goes(await officer.post(path), to="/so/nhap?done=discarded")
    start = await page(officer, "/so/nhap", done="discarded")
    assert "Đã bỏ tệp; các dòng của tệp đã được xóa." in start
    assert NAME not in start
    assert "Tệp này đã được bỏ" in await page(officer, f"/so/nhap/{import_id}")
    goes(await officer.get(path), to=f"/so/nhap/{import_id}")
    written = await upload(officer, filled([{"village": new_id(), "village_kind": "Thôn", "unit": "Xã Đức Nhuận",
                                             "valid_from": "1/7/2023"}], Kind.VILLAGES), "villages")  # fmt: skip
    await commit(officer, written["import_id"])
    late = await officer.post(f"/so/nhap/{written['import_id']}/bo")
    assert "đã được ghi vào sổ nên không bỏ được nữa" in text_of(late, 409)
