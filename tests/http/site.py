"""The site that the tests of HTTP ask: real uvicorn, real Postgres, real NATS, and one of everything to be named."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import uvicorn

from phongtrao.serving import EndStreams, address, bind
from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.registry.imports.kinds import Kind
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from shared.clock import VIETNAM
from tests.support.servers import Nats, Postgres
from tests.support.sheets import filled, upload
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import LY_SON, MO_DUC, TOWN, a_campaign, a_member, a_team, an_item, ok

NOW = datetime(2023, 7, 30, 20, 0, tzinfo=VIETNAM)
KNOWN = {
    "edition": "2023", "team_id": "t1", "member_id": "m2", "campaign_id": "qn-2023", "guidance_id": "g1",
    "course_id": "dvc", "organisation_id": "so-khac", "plan": "2023", "contact_id": "k1", "request_id": "y1",
    "why": "call", "unit_id": "21400", "reform_id": "r1", "kind": "villages", "q": "mo duc",
    "import_id": "i1",
}  # fmt: skip
"""An id that exists, by the name of the parameter, and what a query cannot go without."""
COURSE = {
    "course_id": "dvc", "title": "Dịch vụ công", "pass_mark": 1, "opens_on": "2023-07-28",
    "questions": [
        {"question_id": "q", "text": "?", "right": ["a"], "options": [{"option_id": o, "text": o} for o in "ab"]}
    ],
}  # fmt: skip

REFORM = {
    "reform_id": "r1", "effective_on": "2023-07-20",
    "legal_basis": {"number": "1/NQ-HĐND", "title": "Sắp xếp thôn", "issued_on": "2023-07-10", "issuer": "HĐND"},
    "successors": [
        {
            "unit": {"unit_id": "v1", "name": "Thôn Một", "kind": "hamlet", "level": "village", "parent_id": TOWN},
            "predecessors": [{"unit_id": "v1"}],
        }
    ],
}  # fmt: skip
"""A decision that leaves the village «v1» as it is: one that may come any number of times."""
VILLAGES = filled([{"village": "Thôn Hai", "unit": TOWN, "valid_from": "1/7/2023"}], Kind.VILLAGES)
"""A workbook that may be uploaded any number of times."""


class Site:
    """Where the site is, and who may call it."""

    def __init__(self, url: str, running: Stack, loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
        self.url, self._running, self._loop, self._stopped = url, running, loop, stopped
        self.everything = self.headers(*Role, units=["51"], member_id="m1", team_id="t1", organisation_id="so")

    def headers(self, *roles: Role, units: Iterable[str] = (), **own: str) -> dict[str, str]:
        """The header of a caller with these roles."""
        return {"authorization": f"Bearer {self._running.token(*roles, units=units, **own)}"}

    def stop(self) -> None:
        """Ends the server, from any thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)


async def run(postgres: Postgres, nats: Nats, ready: queue.Queue[Site | BaseException]) -> None:
    """Serves until it is stopped; puts the site, or why there is none, into `ready`."""
    stopped = asyncio.Event()
    specs = (REGISTRY, OUTREACH, COURSES, REPORTING)
    try:
        clock = HandClock(NOW)
        async with stack(*specs, postgres=postgres, nats=nats, clock=clock, read_wait_seconds=0.05) as running:
            await one_of_everything(running)
            sock, streams = bind("127.0.0.1", 0), EndStreams(running.app)
            server = uvicorn.Server(
                uvicorn.Config(streams, lifespan="off", log_config=None, access_log=False, server_header=False)
            )
            task = asyncio.create_task(server.serve(sockets=[sock]))
            ready.put(Site(address(sock), running, asyncio.get_running_loop(), stopped))
            await stopped.wait()
            streams.end()
            server.should_exit = True
            await task
    except BaseException as error:
        ready.put(error)
        raise


async def one_of_everything(running: Stack) -> None:
    """What `KNOWN` names, and a learner's attempt."""
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    posts: list[tuple[str, dict[str, Any]]] = [
        ("registry/editions/2023", {}),
        ("registry/organisations", {"organisation_id": "so", "name": "Sở", "sector": "department"}),
        ("registry/organisations", {"organisation_id": "so-khac", "name": "Sở khác", "sector": "department"}),
        ("registry/teams", a_team(TOWN, team_id="t1")),
        ("registry/teams", a_team(LY_SON, "village", team_id="t9")),
        ("registry/teams/t1/members", a_member(member_id="m1", role="leader")),
        ("registry/teams/t1/members", a_member(member_id="m2")),
        ("registry/teams/t9/members", a_member(member_id="m9")),
        ("registry/contacts", {"contact_id": "k1", "unit_id": MO_DUC, "full_name": "Lê An", "since": "2023-07-03"}),
        ("registry/subject-requests", {"request_id": "y1", "member_id": "m2", "kind": "access"}),
        ("registry/villages", {"village_id": "v1", "name": "Thôn Một", "parent_id": TOWN, "valid_from": "2023-07-01"}),
        ("registry/reforms", {"plan": REFORM}),
        ("courses/courses", COURSE),
    ]
    for path, body in posts:
        await ok(officer.post(f"/{path}", json=body), 201)
    await upload(officer, VILLAGES, Kind.VILLAGES.value, import_id="i1")
    await running.caught_up()
    campaign = a_campaign(campaign_id="qn-2023", reporting_unit_ids=[MO_DUC])
    await ok(officer.post("/outreach/campaigns", json=campaign), 201)
    batch = {"campaign_id": "qn-2023", "items": [an_item("m1", guidance_id="g1"), an_item("m9", guidance_id="g9")]}
    await ok(officer.post("/outreach/guidances", json=batch), 200)
    learner = running.client(Role.LEARNER, units=["51"], organisation_id="so")
    await ok(learner.post("/courses/courses/dvc/enrolments", json={}), 201)
    sheet = {"attempt_id": "a1", "answers": {"q": ["a"]}}
    await ok(learner.post("/courses/courses/dvc/attempts", json=sheet), 201)
    await running.caught_up()
