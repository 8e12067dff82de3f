"""A failure of ours is logged with where it happened, for whoever mends it, and without what somebody sent."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from phongtrao.serving import address, bind, serving
from services.registry.app import SPEC as REGISTRY
from services.registry.store import memberships
from shared import db, telemetry
from shared.auth import Role
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack, stack
from tests.support.world import a_team, ok

NAME, PHONE = "Đặng Thị Nhận Biết", "0100777001"


@pytest.fixture
async def site(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[tuple[Stack, socket.socket]]:
    """Registry on a real socket."""
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats) as running:
        sock = bind("127.0.0.1", 0)
        async with serving(Starlette(routes=[Mount("/", running.app)]), sock):
            yield running, sock


@pytest.mark.expects_errors
async def test_an_answer_500_is_found_by_its_trace_and_quotes_nobody(
    site: tuple[Stack, socket.socket], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    running, sock = site
    telemetry.setup_logging("debug")
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    await ok(officer.post("/registry/editions/2023"), 201)
    team = a_team()
    await ok(officer.post("/registry/teams", json=team), 201)
    for mistake in (_puts_it_where_it_does_not_fit, _mistakes_it_for_a_number, _says_it):
        monkeypatch.setattr(memberships, "save_people", mistake)
        person = {"member_id": new_id(), "full_name": NAME, "phone": PHONE, "joined_on": "2023-07-03"}
        async with httpx.AsyncClient(base_url=address(sock), headers=officer.headers) as client:
            answer = await client.post(f"/registry/teams/{team['team_id']}/members", json=person)
        assert answer.status_code == 500, answer.text
        said = capfd.readouterr().err
        assert NAME not in said + answer.text, said
        assert json.dumps(NAME)[1:-1] not in said, said
        assert PHONE not in said + answer.text
        [line] = [found for found in map(json.loads, said.splitlines()) if found["event"] == "answered_500"]
        assert line["trace"] == answer.json()["trace"]
        assert line["route"] == "/registry/teams/{team_id}/members"
        assert f"in {mistake.__name__}" in line["exception"]


async def _puts_it_where_it_does_not_fit(conn: db.Conn, *_: object, **__: object) -> None:
    await conn.execute("create temporary table narrow (name text unique, phone text check (length(phone) < 5))")
    await conn.execute("insert into narrow values ($1, $2)", NAME, PHONE)


async def _mistakes_it_for_a_number(conn: db.Conn, *_: object, **__: object) -> None:
    await conn.execute("select $1::int", NAME)


async def _says_it(*_: object, **__: object) -> None:
    try:
        raise LookupError(PHONE)
    except LookupError as error:
        raise asyncpg.PostgresError(NAME) from error


@pytest.mark.expects_errors
def test_errors_about_events_keep_their_words(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.setup_logging("info")
    where = 7
    for name in ("shared.relay", "shared.projection.worker", "shared.service"):
        try:
            raise ExceptionGroup("several", [ValueError(f"position {where}")])
        except ExceptionGroup as group:
            telemetry.logger(name).error("it_failed", exc_info=group)
    told = ["position 7" in json.loads(line)["exception"] for line in capfd.readouterr().err.splitlines()]
    assert told == [True, True, False]
