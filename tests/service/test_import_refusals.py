"""What an upload as a whole is refused for: rights, states, ids, a full queue, and what nobody expected."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from services.registry.import_worker import WAITING, Job, Worker
from services.registry.imports import sheet
from services.registry.imports.ids import id_of
from services.registry.imports.kinds import Kind
from services.registry.imports.names import spelling
from shared.auth import Caller, Role
from shared.errors import Problem
from shared.ids import new_id
from tests.support.sheets import TEAM, commit, filled, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, TOWN, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
ALL, GOOD = {"mode": "all_or_nothing"}, {"mode": "good_rows"}


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=f"officer-{new_id()}")


def a_file(**changed: Any) -> bytes:
    """A new team."""
    return filled([{**TEAM, "team_name": f"Tổ {new_id()}", **changed}])


# -- forms and rights -------------------------------------------------------------------------------------------------


async def test_a_form_that_there_is_not(officer: httpx.AsyncClient) -> None:
    for answer in (
        await officer.get("/registry/imports/people/template.xlsx"),
        await officer.post("/registry/imports/people", content=a_file()),
    ):
        problem = refused(answer, 404, "no_such_form", "kind")
        assert "«teams-and-members»" in problem["messages"]["vi"]


async def test_organisations_are_the_province_s_at_the_commit_too(running: Stack) -> None:
    subject = f"moved-{new_id()}"
    data = filled([{"name": f"Sở {subject}", "sector": "department"}], Kind.ORGANISATIONS)
    before = running.client(Role.PROVINCE_OFFICER, units=["51"], subject=subject)
    checked = await upload(before, data, "organisations")
    after = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject=subject)
    path = f"/registry/imports/{checked['import_id']}/commit"
    refused(await after.post(path, json=ALL), 403, "outside_your_unit", "kind")
    refused(await after.post("/registry/imports/organisations", content=data), 403, "outside_your_unit", "kind")
    assert (await commit(before, checked["import_id"]))["new"] == 1


async def test_what_became_of_a_commit_is_told_to_nobody_else(running: Stack, officer: httpx.AsyncClient) -> None:
    checked = await upload(officer, a_file())
    await commit(officer, checked["import_id"])
    other = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="other")
    path = f"/registry/imports/{checked['import_id']}/commit"
    refused(await other.post(path, json={**ALL, "choices": []}), 404, "no_such_import", "import_id")
    assert (await officer.post(path, json=ALL)).status_code == 200


# -- states -----------------------------------------------------------------------------------------------------------


async def test_what_is_written_is_not_written_again_even_when_the_receipt_is_gone(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    checked = await upload(officer, a_file())
    await commit(officer, checked["import_id"])
    async with running.services["registry"].pool.acquire() as conn:
        await conn.execute("delete from receipt where command = 'commit_import' and id = $1", checked["import_id"])
    answer = await officer.post(f"/registry/imports/{checked['import_id']}/commit", json=GOOD)
    refused(answer, 409, "committed_already", "import_id")


@pytest.mark.parametrize("state", ["waiting", "reading", "checking", "failed", "purged"])
async def test_what_is_not_checked_is_not_written(running: Stack, officer: httpx.AsyncClient, state: str) -> None:
    checked = await upload(officer, a_file())
    async with running.services["registry"].pool.acquire() as conn:
        change = "update vault_import set state = $2 where import_id = $1"
        await conn.execute(change, checked["import_id"], state)
        answer = await officer.post(f"/registry/imports/{checked['import_id']}/commit", json=ALL)
        refused(answer, 409, "import_not_ready", "import_id")
        await conn.execute(change, checked["import_id"], "checked")
    assert (await commit(officer, checked["import_id"]))["new"] == 1


# -- ids --------------------------------------------------------------------------------------------------------------


async def test_an_id_stays_with_its_file_its_form_and_whoever_sent_it(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    mine, data, other = new_id(), a_file(), running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="other")
    first = await upload(officer, data, import_id=mine)
    assert (await upload(officer, data, import_id=mine))["created_at"] == first["created_at"]
    for client, kind, sent in (
        (other, "teams-and-members", data), (officer, "villages", data), (officer, "teams-and-members", a_file()),
    ):  # fmt: skip
        answer = await client.post(f"/registry/imports/{kind}?import_id={mine}", content=sent)
        refused(answer, 409, "id_taken", "import_id")


async def test_a_file_that_is_sent_several_times_at_once_is_one_upload(
    running: Stack, officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    take = Worker.take

    def counted(self: Worker, job: Job) -> None:
        taken.append(job.import_id)
        take(self, job)

    monkeypatch.setattr(Worker, "take", counted)
    path, data = f"/registry/imports/teams-and-members?import_id={new_id()}", a_file()
    answers = await asyncio.gather(*(officer.post(path, content=data) for _ in range(8)))
    assert {a.status_code for a in answers} == {202}
    assert len(taken) == 1
    path = f"/registry/imports/teams-and-members?import_id={new_id()}"
    answers = await asyncio.gather(*(officer.post(path, content=a_file()) for _ in range(8)))
    assert sorted(a.status_code for a in answers) == [202, *[409] * 7]


async def test_a_team_that_takes_the_id_while_the_file_is_written(running: Stack, officer: httpx.AsyncClient) -> None:
    name = f"Tổ {new_id()}"
    checked = await upload(officer, a_file(team_name=name))
    team_id = id_of("team", TOWN, "commune", "", spelling(name), "2023-07-03")
    service = running.services["registry"]
    async with service.pool.acquire() as conn:
        begun = conn.transaction()
        await begun.start()
        await conn.execute(
            "insert into team (team_id, name, level, unit_id, decision_number, decision_date, formed_on)"
            " values ($1, 'x', 'commune', $2, '1', '2023-07-01', '2023-07-03')", team_id, TOWN,
        )  # fmt: skip
        path = f"/registry/imports/{checked['import_id']}/commit"
        writing = asyncio.create_task(officer.post(path, json=ALL))
        async with service.pool.acquire() as watching:
            while not await watching.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0.01)
        await begun.commit()
        refused(await writing, 409, "id_taken", "team_id")
        await conn.execute("delete from team where team_id = $1", team_id)
    assert (await commit(officer, checked["import_id"]))["new"] == 1


# -- the queue --------------------------------------------------------------------------------------------------------


async def test_more_files_than_may_wait_are_asked_to_come_back(
    running: Stack, officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = running.services["registry"]
    worker = Worker(service)  # nobody works here
    nobody = Caller("s", frozenset(), ())
    for number in range(WAITING):
        assert not worker.full
        worker.take(Job(f"i{number}", Kind.TEAMS, b"", nobody))
    assert worker.full
    with pytest.raises(Problem) as busy:
        worker.take(Job("i", Kind.TEAMS, b"", nobody))
    assert busy.value.slug == "imports_busy"
    monkeypatch.setitem(service.extras, "imports", worker)
    answer = await officer.post("/registry/imports/teams-and-members", content=a_file())
    refused(answer, 503, "imports_busy", "file")
    assert answer.headers["retry-after"] == "60"
    assert (await officer.get("/registry/imports")).json() == [], "nothing of it is kept"


@pytest.mark.expects_errors
@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (RuntimeError("x"), "import_failed"),
        (asyncpg.ConnectionDoesNotExistError("x"), "import_interrupted"),
        (OSError("x"), "import_interrupted"),
    ],
)
async def test_what_nobody_expected_fails_one_upload_and_not_the_next(
    officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception, slug: str
) -> None:
    def read(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(sheet, "read", read)
        failed = await upload(officer, a_file())
    assert (failed["state"], failed["problem"]["type"]) == ("failed", f"urn:cds:problem:{slug}")
    assert (await upload(officer, a_file()))["state"] == "checked"
