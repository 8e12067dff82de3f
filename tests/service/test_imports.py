"""Imports as a whole: a workbook over HTTP, a dry run, a commit, and what is on record and on the stream then."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.registry import import_worker
from services.registry.app import SPEC as REGISTRY
from services.registry.imports.kinds import FORMS, Kind
from shared.auth import Role
from shared.contracts.registry import MemberJoined, MemberLeft, MemberRoleChanged, TeamFormed
from shared.ids import new_id
from shared.sheets import child
from tests.support.old_sheets import ods_rows, xls
from tests.support.servers import Nats, Postgres
from tests.support.sheets import TEAM, XLSX, commit, filled, lines, made, rows, upload
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import LY_SON, MO_DUC, TOWN, ok, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
NOTHING = {"new": 0, "changed": 0, "unchanged": 0, "refused": 0}


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and the organisations of the plan."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        operator = started.client(Role.OPERATOR, units=["51"])
        await ok(operator.post("/registry/editions/2023"), 201)
        await ok(operator.post("/registry/plans/2023/organisations"), 201)
        yield started


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=f"officer-{new_id()}")


@pytest.fixture
def province(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.PROVINCE_OFFICER, units=["51"], subject=f"province-{new_id()}")


def a_line(team: str, name: str | None, **changed: Any) -> dict[str, Any]:
    """A member of a team of its own."""
    return {**TEAM, "team_name": f"Tổ {team}", "full_name": name, **changed}


def three(team: str) -> list[dict[str, Any]]:
    """A leader, somebody who left, and a deputy since a later day."""
    return [
        a_line(team, "Nguyễn Văn Bình", phone="0901234567", role="Tổ trưởng"),
        a_line(team, "Trần Thị Hoà", phone="090 123 4568", joined_on="5/7/2023", left_on=date(2023, 7, 20)),
        a_line(team, "Lê Văn Cường", role="tổ phó", role_since="10/7/2023"),
    ]


async def events_of(running: Stack, team: str) -> list[str]:
    """The kinds of events of a team, in order."""
    log = await running.log("registry")
    team_id = next((e.key() for e in log if isinstance(e, TeamFormed) and e.name == f"Tổ {team}"), None)
    return [type(e).__name__ for e in log if getattr(e, "team_id", "") == team_id]


# -- teams and members ------------------------------------------------------------------------------------------------


async def test_a_file_is_checked_written_and_changes_nothing_the_second_time(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team = new_id()
    data = filled(three(team), above=[["ỦY BAN NHÂN DÂN HUYỆN MỘ ĐỨC"], []])
    checked = await upload(officer, data)
    assert checked["summary"] == {**NOTHING, "new": 3}, checked
    assert await events_of(running, team) == [], "a dry run writes nothing"
    done = await commit(officer, checked["import_id"])
    assert (done["new"], done["events"]) == (3, 6)
    kinds = [TeamFormed, MemberJoined, MemberLeft, MemberJoined, MemberRoleChanged, MemberJoined]
    assert Counter(await events_of(running, team)) == Counter(k.__name__ for k in kinds)
    again = await upload(officer, data)
    assert again["summary"] == {**NOTHING, "unchanged": 3}, await lines(officer, again["import_id"])
    assert (await commit(officer, again["import_id"]))["events"] == 0


async def test_the_same_commit_is_answered_the_same_another_mode_is_a_conflict(officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled(three(new_id())))
    path, body = f"/registry/imports/{checked['import_id']}/commit", {"mode": "all_or_nothing"}
    answers = await asyncio.gather(*(officer.post(path, json=body) for _ in range(5)))
    assert {(a.status_code, a.text) for a in answers} == {(200, answers[0].text)}
    refused(await officer.post(path, json={"mode": "good_rows"}), 409, "same_id_other_content", "import_id")


async def test_two_files_with_the_same_new_people_committed_at_once_make_them_once(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team = new_id()
    first, second = [await upload(officer, filled(three(team))) for _ in range(2)]
    done = await asyncio.gather(*(commit(officer, c["import_id"]) for c in (first, second)))
    assert sorted(d["new"] for d in done) == [0, 3]
    assert (await events_of(running, team)).count("MemberJoined") == 3


async def test_one_bad_line_refuses_all_or_is_left_out_and_waits_in_red(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    team = new_id()
    data = filled([*three(team), a_line(team, "Phạm Thị Dung", joined_on="07/28/2023")])
    checked = await upload(officer, data)
    assert checked["summary"] == {**NOTHING, "new": 3, "refused": 1}
    [bad] = await lines(officer, checked["import_id"], outcome="refused")
    assert (bad["row"], bad["remarks"][0]["column"], bad["remarks"][0]["field"]) == (5, "N", "joined_on")
    assert "không có tháng 28" in bad["remarks"][0]["message"]["vi"]

    answer = await officer.post(f"/registry/imports/{checked['import_id']}/commit", json={"mode": "all_or_nothing"})
    refused(answer, 422, "rows_refused", "rows.5.joined_on")
    assert await events_of(running, team) == []
    done = await commit(officer, checked["import_id"], "good_rows")
    assert (done["new"], done["refused"]) == (3, 1)
    left = await lines(officer, checked["import_id"])
    assert [line["row"] for line in left] == [5], "what is written is deleted from the vault, what is refused waits"

    result = await officer.get(f"/registry/imports/{checked['import_id']}/result.xlsx")
    assert result.headers["content-type"] == XLSX
    [sheet, _] = child.read(result.content)
    assert sheet.rows[1][-2] == "Không nhận"
    assert "không có tháng 28" in str(sheet.rows[1][-1])
    assert "Phạm Thị Dung" in sheet.rows[1]


async def test_a_choice_for_an_ambiguous_name_is_sent_with_the_commit(
    running: Stack, province: httpx.AsyncClient
) -> None:
    units = (await ok(province.get("/registry/units", params={"level": "commune", "limit": 500, "on": "2023-07-03"})))[
        "items"
    ]
    name, twins = next((n, ids) for n, ids in _by_name(units).items() if len(ids) > 1)
    team = new_id()
    checked = await upload(province, filled([a_line(team, "Nguyễn Văn Bình", unit=name)]))
    [line] = await lines(province, checked["import_id"])
    assert {c["id"] for c in line["remarks"][0]["choices"]} == set(twins)
    choice = {"column": "unit", "text": name, "id": twins[1]}
    assert (await commit(province, checked["import_id"], choices=[choice]))["new"] == 1
    formed = [e for e in await running.log("registry", TeamFormed) if isinstance(e, TeamFormed)]
    assert [e.unit_id for e in formed if e.name == f"Tổ {team}"] == [twins[1]]


def _by_name(units: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for unit in units:
        found.setdefault(unit["name"], []).append(unit["unit_id"])
    return found


async def test_xls_and_ods_are_read_like_xlsx(officer: httpx.AsyncClient) -> None:
    team = new_id()
    head = [c.title.vi for c in FORMS[Kind.TEAMS].columns]
    table = [head, *([str(line.get(c.key) or "") for c in FORMS[Kind.TEAMS].columns] for line in [a_line(team, "An")])]
    for data, outcome in ((xls(table), "new"), (ods_rows(table), "unchanged")):
        checked = await upload(officer, data)
        assert checked["summary"][outcome] == 1, (outcome, await lines(officer, checked["import_id"]))
        await commit(officer, checked["import_id"])


async def test_an_export_uploaded_again_changes_nothing(officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled([
        *three(new_id()), a_line(new_id(), None, level="Cấp thôn", village="Thôn 1"),
        a_line(new_id(), "Võ Văn Sáu", unit="Huyện Mộ Đức", level="Cấp huyện", organisation="Tỉnh đoàn Quảng Ngãi"),
    ]))  # fmt: skip
    await commit(officer, checked["import_id"])
    answer = httpx.Response(204)
    for past in (False, True):
        answer = await officer.get("/registry/exports/teams-and-members.xlsx", params={"past": past})
        back = await upload(officer, answer.content)
        assert {**back["summary"], "unchanged": 0} == NOTHING, await lines(
            officer, back["import_id"], outcome="refused"
        )
        assert back["summary"]["unchanged"] >= (5 if past else 4)
    assert "Trần Thị Hoà" in str(child.read(answer.content)[0].rows)


async def test_an_export_holds_ones_own_units_only_and_every_name_in_it_is_on_record(
    running: Stack, officer: httpx.AsyncClient, province: httpx.AsyncClient
) -> None:
    here, there = f"Tổ {new_id()}", f"Tổ {new_id()}"
    table = [
        a_line(here[3:], "Phan Thị Ở Đây", role="tổ viên"),  # as the pages call it
        a_line(there[3:], "Mai Văn Trên Đảo", level="Cấp thôn", unit="Huyện Lý Sơn", village="Thôn Tây"),
    ]
    checked = await upload(province, filled(table))
    await commit(province, checked["import_id"])
    said = [str(child.read((await who.get("/registry/exports/teams-and-members.xlsx")).content)[0].rows)
            for who in (officer, province)]  # fmt: skip
    assert [name in said[0] for name in (here, "Phan Thị Ở Đây", there, "Mai Văn Trên Đảo")] == [
        True,
        True,
        False,
        False,
    ]
    assert all(name in said[1] for name in (here, "Phan Thị Ở Đây", there, "Mai Văn Trên Đảo"))
    async with running.services["registry"].pool.acquire() as conn:
        read = await conn.fetch(
            "select p.full_name, count(*) as times from vault_access a join vault_person p using (member_id)"
            " where a.why = 'export' and p.full_name in ('Phan Thị Ở Đây', 'Mai Văn Trên Đảo') group by 1 order by 1"
        )
    assert [tuple(r) for r in read] == [("Mai Văn Trên Đảo", 1), ("Phan Thị Ở Đây", 2)]


# -- villages and organisations ---------------------------------------------------------------------------------------


async def test_villages_come_in_and_go_out(running: Stack, officer: httpx.AsyncClient) -> None:
    table = [{"village": f"Thôn {n}", "unit": "Mộ Đức", "valid_from": "1/7/2023"} for n in range(1, 4)]
    checked = await upload(officer, filled(table, Kind.VILLAGES), "villages")
    assert (await commit(officer, checked["import_id"]))["new"] == 3
    below = await ok(officer.get("/registry/units", params={"level": "village", "within": TOWN}))
    assert {u["name"] for u in below["items"]} >= {"Thôn 1", "Thôn 2", "Thôn 3"}
    out = (await officer.get("/registry/exports/villages.xlsx")).content
    assert (await upload(officer, out, "villages"))["summary"] == {**NOTHING, "unchanged": 3}
    other = running.client(Role.DISTRICT_OFFICER, units=[LY_SON], subject="ly-son")
    assert (await upload(other, out, "villages"))["summary"] == {**NOTHING, "refused": 3}


async def test_organisations_come_in_and_go_out(officer: httpx.AsyncClient, province: httpx.AsyncClient) -> None:
    name = f"Công ty {new_id()}"
    data = filled([{"name": name, "sector": "Doanh nghiệp", "headcount": 120}], Kind.ORGANISATIONS)
    checked = await upload(province, data, "organisations")
    assert (await commit(province, checked["import_id"]))["new"] == 1
    out = (await province.get("/registry/exports/organisations.xlsx")).content
    back = await upload(province, out, "organisations")
    assert {**back["summary"], "unchanged": 0} == NOTHING, await lines(province, back["import_id"], outcome="refused")
    answer = await officer.post("/registry/imports/organisations", content=data)
    refused(answer, 403, "outside_your_unit", "kind")


# -- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k.value for k in Kind])
async def test_a_form_has_the_columns_and_instructions_and_is_empty(officer: httpx.AsyncClient, kind: str) -> None:
    answer = await officer.get(f"/registry/imports/{kind}/template.xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    assert answer.headers["content-disposition"] == f'attachment; filename="bieu-mau-{kind}.xlsx"'
    sheet, notes = child.read(answer.content)
    assert sheet.rows == [[c.title.vi for c in FORMS[Kind(kind)].columns]]
    assert len(notes.rows) > len(sheet.rows[0])


# -- what is refused --------------------------------------------------------------------------------------------------


async def test_files_that_are_no_good_are_refused_at_once_or_shown_as_failed(officer: httpx.AsyncClient) -> None:
    path = "/registry/imports/teams-and-members"
    for data, status, slug in (
        (b"", 422, "file_empty"), (b"a;b\n1;2", 422, "not_a_workbook"),
        (b"PK\x03\x04" + b"\0" * 20_000_000, 413, "file_too_large"),
        (b"\0" * 50_000_000, 413, "file_too_large"),
    ):  # fmt: skip
        refused(await officer.post(path, content=data), status, slug, "file")
    for data, slug in (
        (rows([["Tên", "Tuổi"], ["An", 7]]), "wrong_sheet"),
        (filled([]), "no_lines"),
        (filled(three("x"))[:3000], "workbook_damaged"),
        (rows([["Tên tổ", "Cấp tổ", "Đơn vị", "Số quyết định", "Ngày quyết định"], ["a"] * 5]), "missing_column"),
        (made(lambda b: b.add_worksheet("D").write(45_000, 16_000, "x")), "workbook_too_heavy"),
    ):
        failed = await upload(officer, data)
        assert (failed["state"], failed["problem"]["type"]) == ("failed", f"urn:cds:problem:{slug}")
        assert failed["problem"]["messages"]["vi"]
        assert not failed["lines_kept"]
        answer = await officer.post(f"/registry/imports/{failed['import_id']}/commit", json={"mode": "good_rows"})
        refused(answer, 409, "import_not_ready", "import_id")


async def test_a_form_with_a_file_in_it_is_taken_and_its_name_shown(officer: httpx.AsyncClient) -> None:
    file = ("C:\\Danh sách\\Tổ Mộ Đức.xlsx", filled(three(new_id())), XLSX)
    taken = await ok(officer.post("/registry/imports/teams-and-members", files={"file": file}), 202)
    assert taken["file_name"] == "Tổ Mộ Đức.xlsx"
    assert taken["import_id"] in {i["import_id"] for i in (await officer.get("/registry/imports")).json()}


async def test_an_upload_is_nobody_else_s(running: Stack, officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled(three(new_id())))
    other, path = (
        running.client(Role.PROVINCE_OFFICER, units=["51"], subject="other"),
        f"/registry/imports/{checked['import_id']}",
    )
    for answer in (
        await other.get(path), await other.get(f"{path}/rows"), await other.get(f"{path}/result.xlsx"),
        await other.post(f"{path}/commit", json={"mode": "good_rows"}),
    ):  # fmt: skip
        refused(answer, 404, "no_such_import", "import_id")
    taken = await other.post(f"/registry/imports/villages?import_id={checked['import_id']}", content=filled(three("x")))
    refused(taken, 409, "id_taken", "import_id")
    member = running.client(Role.TEAM_LEADER, units=[TOWN], subject="leader")
    refused(await member.get(path), 403, "role_not_allowed", "Authorization")


async def test_rights_that_were_lost_since_the_dry_run_count(running: Stack, officer: httpx.AsyncClient) -> None:
    subject = f"moved-{new_id()}"
    before = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=subject)
    checked = await upload(before, filled(three(new_id())))
    after = running.client(Role.DISTRICT_OFFICER, units=[LY_SON], subject=subject)
    answer = await after.post(f"/registry/imports/{checked['import_id']}/commit", json={"mode": "all_or_nothing"})
    refused(answer, 422, "rows_refused", "rows.2.unit")


# -- the vault --------------------------------------------------------------------------------------------------------


async def test_lines_are_deleted_after_seven_days_and_every_reading_is_on_record(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    checked = await upload(officer, filled(three(new_id())))
    await lines(officer, checked["import_id"])
    service, clock = running.services["registry"], running.services["registry"].clock
    assert isinstance(clock, HandClock)
    then = clock.now
    try:
        clock.now = then + timedelta(days=6, hours=23)
        assert checked["import_id"] not in await import_worker.purge(service)
        clock.now = then + timedelta(days=7, hours=1)
        assert checked["import_id"] in await import_worker.purge(service)
    finally:
        clock.now = then
    shown = await ok(officer.get(f"/registry/imports/{checked['import_id']}"))
    assert (shown["state"], shown["file_name"], shown["lines_kept"]) == ("purged", None, False)
    assert await lines(officer, checked["import_id"]) == []
    async with service.pool.acquire() as conn:
        noted = await conn.fetch(
            "select action from vault_access where member_id = $1 order by access_id", checked["import_id"]
        )
    assert [r["action"] for r in noted] == ["written", "read", "erased", "read"]


async def test_an_upload_whose_process_ended_is_shown_as_failed(running: Stack, officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, filled(three(new_id())))
    async with running.services["registry"].pool.acquire() as conn:
        await conn.execute(
            "update vault_import set state = 'checking', touched_at = $2 where import_id = $1",
            checked["import_id"], NOW,  # by the service's clock it was this moment, by the wall's years ago
        )  # fmt: skip
    shown = await ok(officer.get(f"/registry/imports/{checked['import_id']}"))
    assert (shown["state"], shown["problem"]["type"]) == ("failed", "urn:cds:problem:import_interrupted")
