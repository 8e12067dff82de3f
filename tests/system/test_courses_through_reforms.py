"""Enrolments and results from before both reforms of 2025 and from after them, asked for on every map.

Registry, courses and reporting on real servers. What the numbers must be is said here, by learner. Courses are counted
for the province and by organisation; for whoever counts by unit, the events name the unit of the day of the enrolment,
and registry says where that is on another day, or that nobody can tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import httpx
import pytest

from phongtrao import operate
from services.courses.app import SPEC as COURSES
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts.courses import LearnerEnrolled, QuizPassed, QuizResult
from shared.ids import new_id
from tests.service.reforms import CA_DAM, DONG_SON, LY_SON, TRA_BUI
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import MO_DUC, ok, refused
from tests.system.test_reform_in_mid_campaign import OLD

IN_2023, IN_SPRING, NOW = "2023-08-03", "2025-03-01", "2025-08-01"
YOUTH, OFFICE, NOWHERE = "tinh-doan", "so-tttt", None
COURSE = {
    "course_id": "dvc", "title": "Dịch vụ công", "pass_mark": 1, "opens_on": "2023-07-28",
    "questions": [
        {"question_id": "q", "text": "?", "right": ["a"], "options": [{"option_id": o, "text": o} for o in "ab"]}
    ],
}  # fmt: skip
RIGHT, WRONG = "a", "b"


class Learner(NamedTuple):
    """Who takes the course, for what unit and organisation."""

    subject: str
    unit_id: str | None
    organisation_id: str | None


BEFORE = {
    Learner("old-1", OLD[0], YOUTH): RIGHT,
    Learner("old-2", OLD[1], YOUTH): WRONG,
    Learner("split", TRA_BUI, OFFICE): WRONG,
    Learner("island", LY_SON, YOUTH): RIGHT,
    Learner("district", MO_DUC, OFFICE): WRONG,
    Learner("nowhere", None, None): RIGHT,
}
"""The answer of each in 2023."""
AFTER = {
    Learner("new", DONG_SON, YOUTH): RIGHT,
    Learner("half", CA_DAM, OFFICE): WRONG,
    Learner("zone", LY_SON, YOUTH): RIGHT,
}
"""The answer of each who came after both reforms."""
AGAIN = {"old-1": RIGHT, "old-2": RIGHT, "split": WRONG, "district": RIGHT}
"""Further answers, after both reforms, of those who were there before."""


class World(NamedTuple):
    """Three services at work."""

    running: Stack
    clock: HandClock
    officer: httpx.AsyncClient

    def learner(self, who: Learner) -> httpx.AsyncClient:
        """The learner's own client."""
        units = [who.unit_id] if who.unit_id else []
        return self.running.client(Role.LEARNER, subject=who.subject, units=units, organisation_id=who.organisation_id)

    async def take(self, some: dict[Learner, str]) -> None:
        """These learners enrol and answer, and everybody knows."""
        for who, answer in some.items():
            await ok(self.learner(who).post("/courses/courses/dvc/enrolments", json={}), 201)
            await self.answer(who, answer)
        await self.running.caught_up()

    async def answer(self, who: Learner, answer: str) -> None:
        """One attempt."""
        body = {"attempt_id": new_id(), "answers": {"q": [answer]}}
        await ok(self.learner(who).post("/courses/courses/dvc/attempts", json=body), 201)

    async def reform(self) -> None:
        """Both reforms, each after its effective day; they are known everywhere."""
        for edition, year, month in (("2025-01", 2025, 1), ("2025-07", 2025, 8)):
            self.clock.now = datetime(year, month, 1, 8, tzinfo=VIETNAM)
            await ok(self.officer.post("/registry/reforms", json={"edition": edition}), 201)
        await self.running.caught_up()

    async def province(self, day: str) -> tuple[int, int, int]:
        """Enrolled, passed, attempts of the province, as the overview of a map says."""
        page = await ok(self.running.client().get("/reporting/overview", params={"map": day}))
        assert page["map"] == day
        return page["courses"]["enrolled"], page["courses"]["passed"], page["courses"]["attempts"]

    async def organisations(self, day: str) -> dict[str, tuple[int, int, int, int | None]]:
        """Enrolled, passed, attempts and headcount of organisations on a day."""
        page = await ok(self.officer.get("/reporting/organisations", params={"on": day}))
        return {
            o["organisation_id"]: (o["enrolled"], o["passed"], o["attempts"], o["headcount"]) for o in page["items"]
        }

    async def by_unit(self, day: str) -> tuple[Counter[str | None], Counter[str | None], Counter[str | None]]:
        """Enrolled, passed, attempts by unit of a map, as one counts who follows courses' events and asks registry."""
        log = [e for e in await self.running.log("courses") if isinstance(e, LearnerEnrolled | QuizResult)]
        where = {e.unit_id: await self.on_map(e.unit_id, day) for e in log}
        passed = {e.learner_id: where[e.unit_id] for e in log if isinstance(e, QuizPassed)}
        return (
            Counter(where[e.unit_id] for e in log if isinstance(e, LearnerEnrolled)),
            Counter(passed.values()),
            Counter(where[e.unit_id] for e in log if isinstance(e, QuizResult)),
        )

    async def on_map(self, unit_id: str | None, day: str) -> str | None:
        """The unit of a day that a unit came from or became, if there is just one; None where nobody can tell."""
        answer = await self.officer.get(f"/registry/units/{unit_id}/lineage", params={"on": day})
        if unit_id is None or answer.status_code == 404:
            return NOWHERE
        found: dict[str, Any] = answer.json()
        if found["unit"]:
            return unit_id
        ids = [u["unit_id"] for u in (*found["successors"], *found["predecessors"])]
        return ids[0] if len(ids) == 1 else NOWHERE


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The map of 2023, two organisations, a course, and what was learned in 2023."""
    clock = HandClock(datetime(2023, 8, 3, 8, tzinfo=VIETNAM))
    nats = await fresh_nats(nats_config())
    async with stack(REGISTRY, COURSES, REPORTING, postgres=postgres, nats=nats, clock=clock) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        for organisation_id in (YOUTH, OFFICE):
            body = {"organisation_id": organisation_id, "name": organisation_id, "sector": "department"}
            await ok(officer.post("/registry/organisations", json=body), 201)
        await ok(officer.post("/courses/courses", json=COURSE), 201)
        declared = {"headcount": 400, "valid_from": "2023-07-01"}
        await ok(officer.post(f"/registry/organisations/{YOUTH}/headcounts", json=declared), 201)
        await running.caught_up()
        world = World(running, clock, officer)
        await world.take(BEFORE)
        yield world


async def test_results_add_up_on_the_map_of_then_and_on_that_of_today(here: World) -> None:
    assert await here.province(IN_2023) == (6, 3, 6)
    before = await here.by_unit(IN_2023)
    await here.reform()
    assert await here.by_unit(IN_2023) == before, "a reform alone changes no number"
    assert await here.province(NOW) == await here.province(IN_2023) == (6, 3, 6)

    declared = {"headcount": 900, "valid_from": "2025-07-01"}
    await ok(here.officer.post(f"/registry/organisations/{YOUTH}/headcounts", json=declared), 201)
    for who in BEFORE:
        if who.subject in AGAIN:
            await here.answer(who, AGAIN[who.subject])
    await here.take(AFTER)

    totals = (9, 7, 13)
    assert [await here.province(day) for day in (IN_2023, IN_SPRING, NOW)] == [totals] * 3
    counted = {YOUTH: (5, 5, 7), OFFICE: (3, 1, 5)}
    unbound = (1, 1, 1)
    for day, headcount in ((IN_2023, 400), (IN_SPRING, 400), (NOW, 900)):
        assert await here.organisations(day) == {YOUTH: (*counted[YOUTH], headcount), OFFICE: (*counted[OFFICE], None)}
    assert tuple(map(sum, zip(*counted.values(), unbound, strict=True))) == totals

    then, now = await here.by_unit(IN_2023), await here.by_unit(NOW)
    assert then[0] == {OLD[0]: 1, OLD[1]: 1, TRA_BUI: 1, LY_SON: 2, MO_DUC: 1, NOWHERE: 3}
    assert then[1] == {OLD[0]: 1, OLD[1]: 1, LY_SON: 2, MO_DUC: 1, NOWHERE: 2}
    assert then[2] == {OLD[0]: 2, OLD[1]: 2, TRA_BUI: 2, LY_SON: 2, MO_DUC: 2, NOWHERE: 3}
    assert now[0] == {DONG_SON: 3, CA_DAM: 1, LY_SON: 2, NOWHERE: 3}
    assert now[1] == {DONG_SON: 3, LY_SON: 2, NOWHERE: 2}
    assert now[2] == {DONG_SON: 5, CA_DAM: 1, LY_SON: 2, NOWHERE: 5}
    for numbers in (then, now, await here.by_unit(IN_SPRING)):
        assert tuple(c.total() for c in numbers) == totals, "everything once, nothing twice"
    said: list[str] = []
    assert await operate.verify(list(here.running.services.values()), None, said.append) == 0, said


async def test_a_learner_enrols_at_a_unit_of_the_day_and_keeps_the_one_of_the_enrolment(here: World) -> None:
    path = "/courses/courses/dvc/enrolments"
    early = here.learner(Learner("early", DONG_SON, YOUTH))
    refused(await early.post(path, json={}), 422, "unknown_unit", "unit_id")
    await here.reform()
    late = here.learner(Learner("late", TRA_BUI, OFFICE))
    refused(await late.post(path, json={}), 422, "unit_not_in_force", "unit_id")
    split = here.learner(Learner("split", TRA_BUI, OFFICE))
    refused(await split.post(path, json={"unit_id": CA_DAM}), 409, "enrolled_for_another_unit", "unit_id")
    assert await here.province(NOW) == (6, 3, 6)
    await here.answer(Learner("split", TRA_BUI, OFFICE), RIGHT)
    await here.running.caught_up()
    assert await here.province(NOW) == (6, 4, 7)
    *_, told = await here.running.log("courses", QuizPassed)
    assert isinstance(told, QuizPassed)
    assert (told.unit_id, told.commune_id, told.district_id) == (TRA_BUI, TRA_BUI, "525")
    zone = Learner("zone", LY_SON, YOUTH)
    await here.take({zone: RIGHT})
    enrolled = [e for e in await here.running.log("courses") if isinstance(e, LearnerEnrolled) and e.unit_id == LY_SON]
    assert [(e.district_id, e.commune_id) for e in enrolled] == [(LY_SON, None), (None, LY_SON)]


async def test_results_of_a_map_that_is_taken_back_stay(here: World) -> None:
    await here.reform()
    await here.take(AFTER)
    assert (await here.by_unit(NOW))[0] == {DONG_SON: 3, CA_DAM: 1, LY_SON: 2, NOWHERE: 3}
    await ok(here.officer.post("/registry/reforms/2025-07/reverse"), 201)
    await here.running.caught_up()
    for day in (IN_2023, IN_SPRING, NOW):
        assert await here.province(day) == (9, 5, 9)
        assert tuple(c.total() for c in await here.by_unit(day)) == (9, 5, 9)
    assert (await here.by_unit(NOW))[0] == {OLD[0]: 1, OLD[1]: 1, TRA_BUI: 1, LY_SON: 2, MO_DUC: 1, NOWHERE: 3}
    path = "/courses/courses/dvc/enrolments"
    late = here.learner(Learner("late", DONG_SON, YOUTH))
    refused(await late.post(path, json={}), 422, "unknown_unit", "unit_id")
    await here.take({Learner("again", TRA_BUI, OFFICE): RIGHT})
    assert (await here.by_unit(NOW))[0][TRA_BUI] == 2
    assert await operate.verify(list(here.running.services.values()), None, lambda _: None) == 0
