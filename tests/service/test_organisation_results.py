"""Course results by organisation and by group of the plan while the tree changes in mid-campaign: one organisation
moves to another group, another ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from phongtrao import operate
from services.courses.app import SPEC as COURSES
from services.registry.app import SPEC as REGISTRY
from services.reporting import store
from services.reporting.app import SPEC as REPORTING
from services.reporting.projections.places import OrganisationRow
from shared.auth import Role
from shared.clock import VIETNAM
from tests.support.pages import text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import ok

LAUNCH = datetime(2023, 7, 30, 8, tzinfo=VIETNAM)
COURSE = {
    "course_id": "dvc", "title": "Dịch vụ công", "pass_mark": 1, "opens_on": "2023-07-28",
    "questions": [{"question_id": "q", "text": "?", "right": ["a"],
                   "options": [{"option_id": o, "text": o} for o in "ab"]}],
}  # fmt: skip
ORGANISATIONS = (
    ("g1", "Nhóm Một", "group", None, None), ("g2", "Nhóm Hai", "group", None, 4),
    ("so", "Sở", "department", "g1", 40), ("phong", "Phòng", "department", "so", 10),
    ("ban", "Ban", "department", "g1", 30), ("hoi", "Hội", "mass_organisation", "g2", None),
    ("vnpt", "VNPT", "enterprise", None, 100),
)  # fmt: skip
"""Id, name, sector, parent, headcount. The department moves to the second group on 1/8; the board ends on 2/8, and the
society of the second group follows it."""
PASSED = {"so": 2, "phong": 1, "ban": 1, "hoi": 1, "vnpt": 1, None: 1}
"""Learners who passed, by organisation; each has as many who failed."""
BEFORE, MOVED, ENDED = "2023-07-31", "2023-08-02", "2023-08-03"
ENDED_ON = date.fromisoformat(ENDED)


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Everything has happened; it is the 5th of August."""
    clock = HandClock(LAUNCH)
    async with stack(REGISTRY, COURSES, REPORTING, postgres=postgres, nats=guarded_nats, clock=clock) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        for organisation_id, name, sector, parent, headcount in ORGANISATIONS:
            body = {"organisation_id": organisation_id, "name": name, "sector": sector, "parent_id": parent,
                    "headcount": headcount}  # fmt: skip
            await ok(officer.post("/registry/organisations", json=body), 201)
        await ok(officer.post("/courses/courses", json=COURSE), 201)
        await started.caught_up()
        for learns_for, count in PASSED.items():
            for number in range(2 * count):
                await _learn(started, learns_for, number)
        clock.forward(days=6)
        moved = {"name": "Sở Mới", "sector": "department", "parent_id": "g2", "effective_on": "2023-08-01"}
        await ok(officer.post("/registry/organisations/so/changes", json=moved))
        ended = {"last_day": "2023-08-02", "successor_id": "hoi"}
        await ok(officer.post("/registry/organisations/ban/dissolve", json=ended))
        more = {"headcount": 25, "valid_from": ENDED}
        await ok(officer.post("/registry/organisations/hoi/headcounts", json=more), 201)
        await started.caught_up()
        yield started


async def _learn(started: Stack, organisation_id: str | None, number: int) -> None:
    learner = started.client(Role.LEARNER, subject=f"{organisation_id}-{number}", organisation_id=organisation_id)
    await ok(learner.post("/courses/courses/dvc/enrolments", json={}), 201)
    sheet = {"attempt_id": f"{organisation_id}-{number}", "answers": {"q": ["ab"[number % 2]]}}
    await ok(learner.post("/courses/courses/dvc/attempts", json=sheet), 201)


async def ask(running: Stack, **asked: Any) -> dict[str, Any]:
    return await ok(running.client().get("/reporting/organisations", params=asked), 200)


def shown(lines: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Passed, organisations, people, and who declared none."""
    columns = ("passed", "organisations", "headcount", "undeclared")
    return {line["organisation_id"]: tuple(line[name] for name in columns) for line in lines}


async def test_groups_count_what_stands_below_them_on_the_day_that_is_asked_for(running: Stack) -> None:
    found = {}
    for day in (BEFORE, MOVED, ENDED, None):
        page = await ask(running, level="group", **({"on": day} if day else {}))
        assert (page["level"], page["total"], page["next"], page["within"]) == ("group", 2, None, None)
        assert shown(page["rest"]) == {"vnpt": (1, 1, 100, 0), None: (1, 0, None, 0)}
        found[page["on"]] = shown(page["items"])
    late = {"g1": (0, 0, None, 0), "g2": (5, 3, 79, 0)}
    assert found == {
        BEFORE: {"g1": (4, 3, 80, 0), "g2": (1, 1, 4, 1)},
        MOVED: {"g1": (1, 1, 30, 0), "g2": (4, 3, 54, 1)},
        ENDED: late, "2023-08-05": late,
    }  # fmt: skip


async def test_the_people_of_a_group_are_those_that_registry_counts(running: Stack) -> None:
    for day in (BEFORE, MOVED, ENDED):
        for line in (await ask(running, level="group", on=day))["items"]:
            path = f"/registry/organisations/{line['organisation_id']}"
            counted = (await ok(running.client().get(path, params={"on": day}), 200))["within"]
            assert (line["headcount"] or 0) == counted["headcount"]
            assert line["organisations"] == counted["organisations"] - 1, "registry counts the group as well"


@pytest.mark.parametrize("level", ["group", "organisation"])
async def test_on_every_day_items_and_rest_are_the_province(running: Stack, level: str) -> None:
    whole = (await ok(running.client().get("/reporting/overview"), 200))["courses"]
    assert whole == {"enrolled": 14, "passed": 7, "attempts": 14}
    for day in ("2019-01-01", BEFORE, MOVED, ENDED):
        page = await ask(running, level=level, on=day)
        lines = [*page["items"], *page["rest"]]
        assert {name: sum(line[name] for line in lines) for name in whole} == whole


async def test_an_organisation_is_asked_for_with_all_below_it(running: Stack) -> None:
    page = await ask(running, within="so", on=BEFORE)
    assert shown(page["items"]) == {"so": (2, 1, 40, 0), "phong": (1, 1, 10, 0)}
    assert shown([page["within"]]) == {"so": (3, 2, 50, 0)}
    assert (page["within"]["enrolled"], page["within"]["attempts"], page["rest"]) == (6, 6, [])
    assert {i["name"] for i in page["items"]} == {"Sở", "Phòng"}
    renamed = await ask(running, within="g2", limit=1, after=1)
    assert (renamed["total"], renamed["next"]) == (4, "2")
    named = {i["organisation_id"]: (i["name"], i["parent_id"]) for i in (await ask(running, within="g2"))["items"]}
    assert named == {"so": ("Sở Mới", "g2"), "phong": ("Phòng", "so"), "ban": ("Ban", "g1"), "hoi": ("Hội", "g2")}
    ended = next(i for i in (await ask(running, within="hoi"))["items"] if i["organisation_id"] == "ban")
    assert (ended["last_day"], ended["passed"], ended["headcount"]) == ("2023-08-02", 1, None)


async def test_what_is_asked_for_in_another_way_is_refused(running: Stack) -> None:
    for wrong in ({"level": "district"}, {"within": ""}, {"on": "hôm nay"}):
        answer = await running.client().get("/reporting/organisations", params=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(wrong)))


@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_the_page_shows_the_groups_of_today(running: Stack, lang: str) -> None:
    client: httpx.AsyncClient = running.client()
    text = text_of(await client.get("/", params={"lang": lang}))
    said = {
        "vi": ("Nhóm Hai 3 cơ quan, đơn vị, tổ chức; 6,3 % của 79 người đã đạt", "Học viên không ghi tổ chức"),
        "en": ("Nhóm Hai 3 organisations; 6.3% of 79 people have passed", "Learners who named no organisation"),
    }
    assert [line in text for line in said[lang]] == [True, True], text


async def test_a_recomputation_finds_no_difference(running: Stack) -> None:
    said: list[str] = []
    assert await operate.verify([running.services["reporting"]], None, said.append) == 0, said


async def test_until_the_new_read_model_has_caught_up_organisations_stand_where_they_stood_last(
    database: Callable[..., Awaitable[str]],
) -> None:
    conn = await asyncpg.connect(await database(*REPORTING.folders))
    try:
        row = OrganisationRow("so", "Sở", "department", "g1", None, None, None)
        await conn.execute("insert into model.organisation values ($1, $2, $3, $4, $5, $6, $7)", *row)
        [found] = await store.organisations(conn, ENDED_ON)
        assert (found.name, found.sector, found.parent_id) == ("Sở", "department", "g1")
        told = "insert into model.organisation_state values ('so', $1, 'Sở Cũ', 'department', null)"
        await conn.execute(told, date(2023, 1, 1))
        [found] = await store.organisations(conn, ENDED_ON)
        assert (found.name, found.parent_id) == ("Sở Cũ", None)
    finally:
        await conn.close()
