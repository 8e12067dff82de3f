"""What an operator does with services whose roles are processes of their own: status, parked, migrate, verify."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from phongtrao.cli import app
from shared import bus, event_log
from shared.auth import Role
from shared.contracts.registry import OrganisationChanged
from shared.ids import new_id
from tests.support.processes import Processes, ServiceProcess
from tests.support.servers import new_nats, new_postgres
from tests.support.stack import PASSWORDS, nats_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
ROLES = ["registry api", "registry relay", "reporting api", "reporting projector"]


@pytest.fixture(scope="module")
async def apart(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    """Registry and reporting, each role by itself, soon impatient, with the units of 2023."""
    folder = tmp_path_factory.mktemp("apart")
    postgres, nats = new_postgres(folder / "postgres"), new_nats(folder / "nats", config=nats_config())
    await asyncio.gather(postgres.start(), nats.start())
    found = Processes(ROLES, postgres, nats, folder, ready_lag_seconds=1.5)
    try:
        await found.start()
        pos = await command(found, "editions/2023")
        assert pos is not None
        await until(lambda: notes(found.services["reporting api"], pos))  # once a second; before: that there is none
        yield found
    finally:
        found.stop()
        for server in (nats, postgres):
            await server.stop()
            server.remove()


async def command(apart: Processes, path: str, **body: Any) -> str | None:
    """A command that is taken; answers with the position."""
    async with apart.client(Role.PROVINCE_OFFICER, units=["51"]) as officer:
        answer = await officer.post(f"{apart.services['registry api'].url}/registry/{path}", json=body or None)
    assert answer.status_code == 201, answer.text
    pos: str | None = answer.json()["pos"]
    return pos


async def asked(process: ServiceProcess, path: str, **params: str) -> httpx.Response:
    """What a process answers below its service's path."""
    async with httpx.AsyncClient(timeout=10) as anyone:
        return await anyone.get(f"{process.url}/{process.name}/{path}", params=params)


async def until(condition: Callable[[], Awaitable[bool]], *, within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.2)


async def stands(process: ServiceProcess, status: int, reason: str = "") -> bool:
    """Whether `readyz` has this status and says this reason."""
    answer = await asked(process, "readyz")
    said = answer.json()["reasons"]
    return answer.status_code == status and (any(reason in each for each in said) if reason else said == [])


async def notes(answers: ServiceProcess, pos: str) -> bool:
    """Whether `readyz` says that the stream of a position was folded up to there."""
    follows = (await asked(answers, "readyz")).json()["follows"]
    return pos in {f"{f['stream']}:{f['pos']}" for f in follows if f["state"] == "live"}


async def run(apart: Processes, *words: str) -> Result:
    """`phongtrao …` as the operator, about the two services."""
    environment = {
        "PHONGTRAO_DATA": str(apart.services["registry api"].log.parent / "nobody"),
        "PHONGTRAO_DATABASE_URL": apart.postgres.dsn("registry").replace("/registry?", "/{service}?"),
        "PHONGTRAO_NATS_URL": apart.nats.url,
        "PHONGTRAO_NATS_PASSWORD": PASSWORDS["registry" if words[0] == "migrate" else bus.OPS],
        "PHONGTRAO_READY_LAG_SECONDS": "1.5",
    }
    only = [] if words[0] == "migrate" else ["--service", "registry", "--service", "reporting"]
    return await asyncio.to_thread(CliRunner(env=environment).invoke, app, [*words, *only])


async def test_each_role_does_its_part_and_its_absence_is_said_until_it_is_back(apart: Processes) -> None:
    api, relay, answers, projector = apart.services.values()
    for process in (relay, projector):
        assert {(await asked(process, path)).status_code for path in ("healthz", "metrics", "openapi.json")} == {200}
        assert (await asked(process, "units")).status_code == 404, "only the API answers people"
    for process in apart.services.values():
        async with httpx.AsyncClient() as anyone:  # personas without a password are for `phongtrao up` only
            for method in ("GET", "POST"):
                assert (await anyone.request(method, f"{process.url}/sign-in")).status_code in {404, 405}
    for process in apart.services.values():
        await until(lambda process=process: stands(process, 200))  # type: ignore[misc]
    assert (await run(apart, "status")).exit_code == 0

    relay.kill()
    projector.kill()
    so = {"organisation_id": "so", "name": "Sở", "sector": "department"}
    assert await command(apart, "organisations", **so) is None, "kept, though nobody gives out positions"
    await until(lambda: stands(api, 503, "for their position; is a relay running?"))
    await until(lambda: stands(answers, 503, "registry: live, 0 events behind"))
    status = await run(apart, "status", "--json")
    found = {s["service"]: s for s in json.loads(status.stdout)}
    assert (status.exit_code, [s["ready"] for s in found.values()]) == (1, [False, False]), status.stdout
    assert (found["registry"]["log_pos"], found["registry"]["stream_seq"]) == (187, 187)
    table = await run(apart, "status")
    assert (table.exit_code, table.stdout.count(" no ")) == (1, 2), table.stdout

    relay.start()
    await until(lambda: stands(api, 200))
    pos = await command(apart, "organisations", **(so | {"organisation_id": "so-khac"}))
    assert pos == "registry:189", "what waited came first"
    assert (await asked(answers, "organisations", min_pos=pos)).status_code == 503
    projector.start()
    await until(lambda: stands(answers, 200))
    page = (await asked(answers, "organisations", min_pos=pos)).json()
    assert [o["organisation_id"] for o in page["items"]] == ["so", "so-khac"]
    assert (await run(apart, "status")).exit_code == 0
    verified = await run(apart, "verify")
    assert (verified.exit_code, verified.stdout.splitlines()[-1]) == (0, "0 differences"), verified.stdout
    again = await run(apart, "migrate", "registry")
    assert (again.exit_code, again.stdout.splitlines()) == (0, ["registry: up to date", "REGISTRY_51: 189 events"])


async def test_an_event_that_was_set_aside_is_listed_shown_and_tried_again(apart: Processes) -> None:
    answers = apart.services["reporting api"]
    assert (await run(apart, "parked", "list")).stdout == "nothing is parked\n"
    await _record_what_no_fold_takes(apart)
    after = str(await command(apart, "organisations", organisation_id="later", name="Sở Sau", sector="department"))
    pos = str(int(after.partition(":")[2]) - 1)

    page = (await asked(answers, "organisations", min_pos=after)).json()
    assert (page["read_model"]["state"], page["read_model"]["parked"]) == ("degraded", 1)
    assert "later" in {o["organisation_id"] for o in page["items"]}, "it holds up no other"
    listed = await run(apart, "parked", "list")
    assert listed.exit_code == 0
    line = f"places registry {pos}  vn.cds.registry.organisation_changed.v1  ghost  LookupError: "
    assert listed.stdout.startswith(line)
    assert " 1  courses 0, outreach 0, registry " in (await run(apart, "status")).stdout, "how many are parked"

    shown = await run(apart, "parked", "show", "places", "registry", pos)
    assert (shown.exit_code, f"ce-pos: {pos}" in shown.stdout, '"organisation_id":"ghost"' in shown.stdout) == (
        0, True, True,
    )  # fmt: skip
    nobody = await run(apart, "parked", "show", "places", "registry", "7")
    assert (nobody.exit_code, "places registry 7 is not parked" in nobody.stderr) == (2, True)
    still = await run(apart, "parked", "retry", "places", "registry", pos)
    assert (still.exit_code, "still LookupError" in still.stdout) == (1, True), still.stdout
    assert (await run(apart, "parked", "list")).stdout == listed.stdout

    await _remove_the_cause(apart)
    retried = await run(apart, "parked", "retry", "--all")
    assert (retried.exit_code, retried.stdout) == (0, f"places registry {pos}: folded, 1 in all\n"), retried.stderr
    nothing = await run(apart, "parked", "retry", "--all")
    assert (nothing.exit_code, nothing.stdout) == (0, "nothing is parked\n")
    again = await command(apart, "organisations", organisation_id="last", name="Sở Cuối", sector="department")
    page = (await asked(answers, "organisations", min_pos=str(again))).json()
    assert page["read_model"]["parked"] == 0
    assert {"Sở Ma", "Sở Sau", "Sở Cuối"} <= {o["name"] for o in page["items"]}, "the projector goes on"


async def _record_what_no_fold_takes(apart: Processes) -> None:
    """A change of an organisation that was never registered: what a mistake in registry would leave."""
    at = datetime(2023, 7, 30, tzinfo=UTC)
    ghost = OrganisationChanged(
        occurred_at=at, organisation_id="ghost", name="Sở Ma", sector="department", effective_on=date(2023, 7, 30)
    )
    connection = await asyncpg.connect(apart.postgres.dsn("registry"))
    async with connection.transaction():
        await event_log.append(connection, [ghost], province="51", recorded_at=at, new_id=new_id)
    await connection.close()


async def _remove_the_cause(apart: Processes) -> None:
    """What a corrected release would do: the row that the fold missed."""
    connection = await asyncpg.connect(apart.postgres.dsn("reporting"))
    await connection.execute(
        "insert into places_1.organisation (organisation_id, name, sector) values ('ghost', 'x', 'department')"
    )
    await connection.close()
