"""Courses as a whole: HTTP, Postgres, NATS, and what it learns from registry."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.courses.app import SPEC as COURSES
from services.registry.app import SPEC as REGISTRY
from shared import bus
from shared.auth import Role
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack

LAUNCH = datetime(2023, 7, 28, 1, tzinfo=UTC)
RIGHT = {"q1": ["a"], "q2": ["a", "c"], "q3": ["b"]}
ONE_RIGHT = {"q1": ["a"], "q2": ["a"]}


@pytest.fixture
def clock() -> HandClock:
    return HandClock(LAUNCH)


@pytest.fixture
async def running(postgres: Postgres, guarded_nats: Nats, clock: HandClock) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and two organisations, and courses, which knows them."""
    async with stack(REGISTRY, COURSES, postgres=postgres, nats=guarded_nats, clock=clock) as started:
        registrar = started.client(Role.OPERATOR, units=["51"])
        assert (await registrar.post("/registry/editions/2023")).status_code == 201
        for organisation in ("tinh-doan", "so-tttt"):
            body = {"organisation_id": organisation, "name": organisation, "sector": "department"}
            assert (await registrar.post("/registry/organisations", json=body)).status_code == 201
        await started.caught_up()
        yield started


@pytest.fixture
def learner(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.LEARNER, subject="an", units=["21400"], organisation_id="tinh-doan")


@pytest.fixture
def citizen(running: Stack) -> httpx.AsyncClient:
    """A learner whose token names no organisation."""
    return running.client(Role.LEARNER, subject="be", units=["21400"])


def a_course(course_id: str = "dvc", **changed: Any) -> dict[str, Any]:
    """A course of three questions, the second with two right options, two of three to pass, three attempts."""
    options = [{"option_id": o, "text": f"Lựa chọn {o}"} for o in "abc"]
    return {
        "course_id": course_id,
        "title": "Dịch vụ công trực tuyến",
        "lessons": [{"title": "Nộp hồ sơ", "text": "Mở Cổng Dịch vụ công."}],
        "questions": [
            {"question_id": q, "text": f"Câu {q}?", "options": options, "right": right} for q, right in RIGHT.items()
        ],
        "pass_mark": 2,
        "max_attempts": 3,
        "opens_on": "2023-07-28",
        "closes_on": "2023-08-15",
        **changed,
    }


def an_attempt(answers: dict[str, list[str]], attempt_id: str | None = None) -> dict[str, Any]:
    return {"attempt_id": attempt_id or new_id(), "answers": answers}


async def publish(officer: httpx.AsyncClient, **changed: Any) -> None:
    answer = await officer.post("/courses/courses", json=a_course(**changed))
    assert answer.status_code == 201, answer.text


async def enrol(learner: httpx.AsyncClient, course_id: str = "dvc", **body: str) -> httpx.Response:
    return await learner.post(f"/courses/courses/{course_id}/enrolments", json=body)


async def submit(learner: httpx.AsyncClient, body: dict[str, Any], course_id: str = "dvc") -> httpx.Response:
    return await learner.post(f"/courses/courses/{course_id}/attempts", json=body)


def refused(answer: httpx.Response, status: int, slug: str, field: str) -> None:
    """The answer is this refusal, in both languages, with the field."""
    problem = answer.json()
    assert (answer.status_code, problem["type"].removeprefix("urn:cds:problem:")) == (status, slug), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [e["field"] for e in problem["errors"]][:1] == [field]
    assert problem["messages"]["vi"]
    assert problem["messages"]["en"]


async def test_a_learner_takes_a_course_from_enrolment_to_a_pass(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient, clock: HandClock
) -> None:
    await publish(officer)
    enrolled = (await enrol(learner)).json()
    assert (enrolled["organisation_id"], enrolled["unit_id"]) == ("tinh-doan", "21400")
    assert len(enrolled["learner_id"]) == 22

    clock.forward(hours=1)
    failed = (await submit(learner, an_attempt(ONE_RIGHT, "t1"))).json()
    del failed["pos"]
    assert failed == {
        "attempt_id": "t1", "attempt": 1, "right": 1, "out_of": 3, "pass_mark": 2, "passed": False, "attempts_left": 2,
        "wrong": ["q2", "q3"],
    }  # fmt: skip
    clock.forward(hours=1)
    passed = (await submit(learner, an_attempt({**RIGHT, "q3": ["a"]}, "t2"))).json()
    assert (passed["passed"], passed["right"], passed["wrong"], passed["attempts_left"]) == (True, 2, ["q3"], 1)
    clock.forward(hours=1)
    assert not (await submit(learner, an_attempt({}, "t3"))).json()["passed"]

    mine = (await learner.get("/courses/courses/dvc/results/mine")).json()
    assert (mine["passed"], mine["passed_at"], mine["best"], mine["attempts_left"]) == (
        True, "2023-07-28T03:00:00Z", 2, 0,
    )  # fmt: skip
    assert [(a["attempt_id"], a["right"], a["passed"]) for a in mine["attempts"]] == [
        ("t1", 1, False), ("t2", 2, True), ("t3", 0, False),
    ]  # fmt: skip
    place = {"organisation_id": "tinh-doan", "unit_id": "21400", "district_id": "533", "commune_id": "21400"}
    log = await running.log("courses")
    assert [type(e) for e in log] == [CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed, QuizFailed]
    for event in log[1:]:
        assert event.model_dump().items() >= {**place, "learner_id": enrolled["learner_id"]}.items()
    assert [e.attempt for e in log if isinstance(e, QuizPassed | QuizFailed)] == [1, 2, 3]


async def test_what_was_published_is_in_the_stream_at_the_same_positions(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient
) -> None:
    await publish(officer)
    await enrol(learner)
    assert (await submit(learner, an_attempt(RIGHT))).json()["pos"] == "courses:3"
    client = running.services["courses"].client
    state = await bus.stream_state(client, "courses", "51")
    for _ in range(200):
        if state and state["last_seq"] == 3:
            break
        await asyncio.sleep(0.02)
        state = await bus.stream_state(client, "courses", "51")
    assert state
    assert (state["first_seq"], state["last_seq"], state["messages"]) == (1, 3, 3)


async def test_right_answers_are_shown_to_those_who_publish_and_to_nobody_else(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient
) -> None:
    await publish(officer)
    public = await running.client().get("/courses/courses/dvc")
    assert public.status_code == 200
    assert "right" not in public.text
    assert [(q["question_id"], q["several"]) for q in public.json()["quiz"]] == [
        ("q1", False), ("q2", True), ("q3", False),
    ]  # fmt: skip
    assert public.json()["lessons"] == [{"title": "Nộp hồ sơ", "text": "Mở Cổng Dịch vụ công."}]
    shown = await officer.get("/courses/courses/dvc/right-answers")
    assert shown.json() == {"course_id": "dvc", "right": RIGHT}
    for role in set(Role) - {Role.PROVINCE_OFFICER, Role.OPERATOR}:
        other = running.client(role, units=["51"])
        refused(await other.get("/courses/courses/dvc/right-answers"), 403, "role_not_allowed", "Authorization")
    abroad = running.client(Role.PROVINCE_OFFICER, units=["48"])
    refused(await abroad.get("/courses/courses/dvc/right-answers"), 403, "outside_your_unit", "course_id")


async def test_courses_are_listed_page_by_page(running: Stack, officer: httpx.AsyncClient) -> None:
    for course_id in ("c", "a", "b"):
        await publish(officer, course_id=course_id)
    anyone = running.client()
    first = (await anyone.get("/courses/courses?limit=2")).json()
    rest = (await anyone.get(f"/courses/courses?limit=2&after={first['next']}")).json()
    assert [c["course_id"] for c in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert (first["total"], rest["next"]) == (3, None)
    for after in ("%00", "%ED%A0%80", "a b", "x" * 65):
        refused(await anyone.get(f"/courses/courses?after={after}"), 422, "invalid_data", "after")


# -- sending again ----------------------------------------------------------------------------------------------------


async def test_sending_the_same_again_is_answered_the_same_and_happens_once(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient, clock: HandClock
) -> None:
    first = [(await officer.post("/courses/courses", json=a_course())), (await enrol(learner))]
    first.append(await submit(learner, an_attempt(RIGHT, "t1")))
    clock.forward(days=30)  # long after the course closed: it was accepted then, so it is accepted now
    again = [(await officer.post("/courses/courses", json=a_course())), (await enrol(learner, unit_id="21400"))]
    again.append(await submit(learner, an_attempt(RIGHT, "t1")))

    assert [a.status_code for a in first] == [201, 201, 201]
    assert [(a.status_code, a.json()) for a in again] == [(a.status_code, a.json()) for a in first]
    assert Counter(type(e) for e in await running.log("courses")) == {
        CoursePublished: 1, LearnerEnrolled: 1, QuizPassed: 1,
    }  # fmt: skip


async def test_the_same_id_with_other_content_is_refused(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient, citizen: httpx.AsyncClient
) -> None:
    await publish(officer)
    other_course = await officer.post("/courses/courses", json=a_course(title="Khác"))
    refused(other_course, 409, "same_id_other_content", "Idempotency-Key")
    await enrol(learner)
    await enrol(citizen, organisation_id="tinh-doan")
    elsewhere = await enrol(citizen, organisation_id="so-tttt")
    refused(elsewhere, 409, "enrolled_for_another_organisation", "organisation_id")
    refused(await enrol(learner, unit_id="533"), 409, "enrolled_for_another_unit", "unit_id")
    await submit(learner, an_attempt(ONE_RIGHT, "t1"))
    refused(await submit(learner, an_attempt(RIGHT, "t1")), 409, "same_id_other_content", "Idempotency-Key")

    neighbour = running.client(Role.LEARNER, subject="binh")
    await enrol(neighbour)
    refused(await submit(neighbour, an_attempt(ONE_RIGHT, "t1")), 409, "same_id_other_content", "Idempotency-Key")
    assert Counter(type(e) for e in await running.log("courses")) == {
        CoursePublished: 1, LearnerEnrolled: 3, QuizFailed: 1,
    }  # fmt: skip


async def test_nothing_is_done_without_a_token_or_with_another_role(running: Stack, officer: httpx.AsyncClient) -> None:
    await publish(officer)
    calls: list[tuple[str, dict[str, Any], set[Role]]] = [
        ("/courses/courses", a_course("c2"), {Role.PROVINCE_OFFICER, Role.OPERATOR}),
        ("/courses/courses/dvc/enrolments", {}, {Role.LEARNER}),
        ("/courses/courses/dvc/attempts", an_attempt(RIGHT), {Role.LEARNER}),
    ]
    for path, body, allowed in calls:
        refused(await running.client().post(path, json=body), 401, "token_needed", "Authorization")
        for role in set(Role) - allowed:
            wrong_role = running.client(role, units=["51"])
            refused(await wrong_role.post(path, json=body), 403, "role_not_allowed", "Authorization")
    refused(await running.client().get("/courses/courses/dvc/results/mine"), 401, "token_needed", "Authorization")
    refused(await officer.get("/courses/courses/dvc/results/mine"), 403, "role_not_allowed", "Authorization")
    elsewhere = running.client(Role.PROVINCE_OFFICER, units=["533"])
    refused(await elsewhere.post("/courses/courses", json=a_course("c2")), 403, "outside_your_unit", "course_id")
    assert [type(e) for e in await running.log("courses")] == [CoursePublished]


async def test_what_is_not_there_is_not_found(officer: httpx.AsyncClient, learner: httpx.AsyncClient) -> None:
    refused(await enrol(learner, "none"), 404, "no_such_course", "course_id")
    refused(await submit(learner, an_attempt(RIGHT), "none"), 404, "no_such_course", "course_id")
    for path in ("none", "none/right-answers"):
        refused(await officer.get(f"/courses/courses/{path}"), 404, "no_such_course", "course_id")
    refused(await learner.get("/courses/courses/none/results/mine"), 404, "no_such_course", "course_id")
    await publish(officer)
    refused(await learner.get("/courses/courses/dvc/results/mine"), 404, "not_enrolled", "course_id")


NOT_TAKEABLE: list[tuple[dict[str, Any], str, str]] = [
    ({"pass_mark": 4}, "pass_mark_too_high", "pass_mark"),
    ({"closes_on": "2023-07-27"}, "closes_before_opening", "closes_on"),
    ({"questions": [*a_course()["questions"], a_course()["questions"][0]]}, "id_twice", "questions.3.question_id"),
    ({"questions": [{**a_course()["questions"][0], "right": ["z"]}]}, "right_option_missing", "questions.0.right"),
    ({"questions": []}, "invalid_data", "questions"),
    ({"max_attempts": 0}, "invalid_data", "max_attempts"),
    ({"opens_on": "28/7/2023"}, "invalid_data", "opens_on"),
    ({"course_id": "có dấu"}, "invalid_data", "course_id"),
    ({"hoc_vien": "An"}, "invalid_data", "hoc_vien"),
]


async def test_a_course_that_cannot_be_taken_is_not_published(running: Stack, officer: httpx.AsyncClient) -> None:
    for changed, slug, field in NOT_TAKEABLE:
        refused(await officer.post("/courses/courses", json=a_course(**changed)), 422, slug, field)
    assert await running.log("courses") == []


async def test_only_known_organisations_and_units_are_enrolled_for(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient, citizen: httpx.AsyncClient
) -> None:
    await publish(officer)
    refused(await enrol(citizen, organisation_id="nobody"), 422, "unknown_organisation", "organisation_id")
    refused(await enrol(learner, unit_id="99999"), 422, "unknown_unit", "unit_id")
    stranger = running.client(Role.LEARNER, subject="chi", organisation_id="nobody")
    refused(await enrol(stranger), 422, "unknown_organisation", "organisation_id")


async def test_a_result_counts_for_the_organisation_that_the_token_vouches_for(
    officer: httpx.AsyncClient, learner: httpx.AsyncClient, citizen: httpx.AsyncClient
) -> None:
    await publish(officer)
    refused(await enrol(learner, organisation_id="so-tttt"), 403, "not_your_organisation", "organisation_id")
    assert (await enrol(learner, organisation_id="tinh-doan")).status_code == 201
    assert (await enrol(citizen, organisation_id="so-tttt")).json()["organisation_id"] == "so-tttt"


async def test_an_organisation_of_a_moment_ago_is_known_at_its_position(
    officer: httpx.AsyncClient, citizen: httpx.AsyncClient
) -> None:
    await publish(officer)
    body = {"organisation_id": "moi", "name": "Mới", "sector": "enterprise"}
    pos = (await officer.post("/registry/organisations", json=body)).json()["pos"]
    enrolled = await citizen.post(f"/courses/courses/dvc/enrolments?min_pos={pos}", json={"organisation_id": "moi"})
    assert enrolled.status_code == 201, enrolled.text


async def test_answers_are_taken_from_enrolled_learners_while_the_course_is_open(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient, clock: HandClock
) -> None:
    await publish(officer, opens_on="2023-07-29", closes_on="2023-07-30", max_attempts=1)
    refused(await submit(learner, an_attempt(RIGHT)), 409, "not_enrolled", "course_id")
    await enrol(learner)
    refused(await submit(learner, an_attempt(RIGHT)), 409, "course_not_open_yet", "course_id")
    clock.forward(days=1)
    refused(await submit(learner, an_attempt({"q9": ["a"]})), 422, "unknown_question", "answers.q9")
    refused(await submit(learner, an_attempt({"q1": ["z"]})), 422, "unknown_option", "answers.q1")
    assert (await submit(learner, an_attempt(ONE_RIGHT))).json()["attempts_left"] == 0
    refused(await submit(learner, an_attempt(RIGHT)), 409, "no_attempts_left", "attempt_id")
    clock.forward(days=2)
    refused(await submit(learner, an_attempt(RIGHT)), 409, "course_closed", "course_id")
    late = running.client(Role.LEARNER, subject="muon")
    refused(await enrol(late), 409, "course_closed", "course_id")
    assert [type(e) for e in await running.log("courses")] == [CoursePublished, LearnerEnrolled, QuizFailed]


async def test_a_corrected_attempt_may_use_the_id_of_a_refused_one(
    officer: httpx.AsyncClient, learner: httpx.AsyncClient
) -> None:
    await publish(officer)
    await enrol(learner)
    refused(await submit(learner, an_attempt({"q9": []}, "t1")), 422, "unknown_question", "answers.q9")
    assert (await submit(learner, an_attempt(RIGHT, "t1"))).json()["attempt"] == 1


# -- at the same time -------------------------------------------------------------------------------------------------


async def test_only_one_of_many_at_once_takes_the_last_attempt(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient
) -> None:
    await publish(officer, max_attempts=2)
    await enrol(learner)
    await submit(learner, an_attempt(ONE_RIGHT))
    answers = await asyncio.gather(*(submit(learner, an_attempt(RIGHT)) for _ in range(12)))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 11}
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "no_attempts_left", "attempt_id")
    assert [e.attempt for e in await running.log("courses", QuizFailed) + await running.log("courses", QuizPassed)
            if isinstance(e, QuizPassed | QuizFailed)] == [1, 2]  # fmt: skip


async def test_an_attempt_sent_many_times_at_once_counts_once(
    running: Stack, officer: httpx.AsyncClient, learner: httpx.AsyncClient
) -> None:
    await publish(officer)
    await enrol(learner)
    body = an_attempt(RIGHT)
    answers = await asyncio.gather(*(submit(learner, body) for _ in range(12)))
    assert {(a.status_code, a.text) for a in answers} == {(201, answers[0].text)}
    assert len(await running.log("courses", QuizPassed)) == 1


async def test_enrolling_for_two_organisations_at_once_takes_one(
    running: Stack, officer: httpx.AsyncClient, citizen: httpx.AsyncClient
) -> None:
    await publish(officer)
    wishes = ("tinh-doan", "so-tttt") * 6
    answers = await asyncio.gather(*(enrol(citizen, organisation_id=wish) for wish in wishes))
    assert Counter(a.status_code for a in answers) == {201: 6, 409: 6}
    taken = {a.json()["organisation_id"] for a in answers if a.status_code == 201}
    events = await running.log("courses", LearnerEnrolled)
    assert [getattr(e, "organisation_id", None) for e in events] == list(taken)


# -- people -----------------------------------------------------------------------------------------------------------


async def test_a_person_is_one_pseudonym_everywhere_and_never_a_name(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    for course_id in ("a", "b"):
        await publish(officer, course_id=course_id)
    person = running.client(Role.LEARNER, subject="nguyen.van.an@example.vn")
    other = running.client(Role.LEARNER, subject="nguyen.van.an2@example.vn")
    ids = [(await enrol(who, course)).json()["learner_id"] for who in (person, other) for course in ("a", "b")]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    kept = "".join(e.model_dump_json() for e in await running.log("courses"))
    async with running.services["courses"].pool.acquire() as conn:
        for table in ("enrolment", "attempt", "receipt", "log", "stage"):
            kept += "".join(str(r) for r in await conn.fetch(f"select to_jsonb(t)::text from {table} t"))
    assert ids[0] in kept
    assert "nguyen" not in kept


async def test_it_does_not_start_without_the_key_of_the_pseudonyms(postgres: Postgres, guarded_nats: Nats) -> None:
    with pytest.raises(ValueError, match="PHONGTRAO_CITIZEN_KEY"):
        async with stack(COURSES, postgres=postgres, nats=guarded_nats, citizen_key="short"):
            pass
