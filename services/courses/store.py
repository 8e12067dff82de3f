"""All SQL of courses, a function for each statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.courses.course import Attempt, Course, Enrolment
from services.courses.on_registry import KnownOrganisation
from services.courses.quiz import Answers, Grade, Option, Question
from shared.contracts.history import UnitVersion
from shared.db import Conn

_COURSE = "course_id, title, questions, pass_mark, max_attempts, opens_on, closes_on, published_at"
_ENROLMENT = (
    "course_id, learner_id, organisation_id, unit_id, district_id, commune_id, enrolled_at, attempts, passed_at"
)
_ATTEMPT = "attempt_id, course_id, learner_id, number, right_answers, out_of, wrong, passed, submitted_at"


class Lesson(NamedTuple):
    """What is read before the quiz."""

    title: str
    text: str


# -- courses ----------------------------------------------------------------------------------------------------------


async def course(conn: Conn, course_id: str) -> Course | None:
    """One course."""
    row = await conn.fetchrow(f"select {_COURSE} from course where course_id = $1", course_id)
    return Course(**row) if row else None


async def courses(conn: Conn, *, after: str, limit: int) -> list[Course]:
    """Courses by id."""
    rows = await conn.fetch(
        f"select {_COURSE} from course where course_id > $1 order by course_id limit $2", after, limit
    )
    return [Course(**r) for r in rows]


async def count_courses(conn: Conn) -> int:
    """All courses."""
    return int(await conn.fetchval("select count(*) from course"))


async def save_course(conn: Conn, course: Course) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into course ({_COURSE}) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing", *course
    )
    return status.endswith(" 1")


async def lessons(conn: Conn, course_id: str) -> list[Lesson]:
    """The lessons of a course, in order."""
    rows = await conn.fetch("select title, text from lesson where course_id = $1 order by number", course_id)
    return [Lesson(*r.values()) for r in rows]


async def save_lessons(conn: Conn, course_id: str, lessons: Sequence[Lesson]) -> None:
    """Inserts the lessons of a new course."""
    await conn.executemany(
        "insert into lesson (course_id, number, title, text) values ($1, $2, $3, $4)",
        [(course_id, number, *lesson) for number, lesson in enumerate(lessons, 1)],
    )


async def questions(conn: Conn, course_id: str) -> list[Question]:
    """The questions of a course with their right answers, in order."""
    rows = await conn.fetch(
        "select question_id, text, option_ids, option_texts, right_ids from question where course_id = $1"
        " order by number",
        course_id,
    )
    return [_question(r) for r in rows]


def _question(row: Any) -> Question:
    options = tuple(Option(*pair) for pair in zip(row["option_ids"], row["option_texts"], strict=True))
    return Question(row["question_id"], row["text"], options, frozenset(row["right_ids"]))


async def save_questions(conn: Conn, course_id: str, questions: Sequence[Question]) -> None:
    """Inserts the questions of a new course."""
    await conn.executemany(
        "insert into question (course_id, number, question_id, text, option_ids, option_texts, right_ids)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (course_id, number, q.question_id, q.text, *zip(*q.options, strict=True), sorted(q.right))
            for number, q in enumerate(questions, 1)
        ],
    )


# -- learners ---------------------------------------------------------------------------------------------------------


async def enrolment(conn: Conn, course_id: str, learner_id: str) -> Enrolment | None:
    """A learner's place in a course."""
    row = await conn.fetchrow(
        f"select {_ENROLMENT} from enrolment where course_id = $1 and learner_id = $2", course_id, learner_id
    )
    return Enrolment(**row) if row else None


async def lock_enrolment(conn: Conn, course_id: str, learner_id: str) -> Enrolment | None:
    """A learner's place in a course, locked until the transaction ends: attempts are graded one at a time."""
    row = await conn.fetchrow(
        f"select {_ENROLMENT} from enrolment where course_id = $1 and learner_id = $2 for update", course_id, learner_id
    )
    return Enrolment(**row) if row else None


async def save_enrolment(conn: Conn, enrolment: Enrolment) -> bool:
    """Inserts; answers False when the learner is enrolled already."""
    status = await conn.execute(
        f"insert into enrolment ({_ENROLMENT}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        *enrolment,
    )
    return status.endswith(" 1")


async def note_progress(conn: Conn, enrolment: Enrolment) -> None:
    """Writes how many attempts were made and when the first pass was."""
    await conn.execute(
        "update enrolment set attempts = $3, passed_at = $4 where course_id = $1 and learner_id = $2",
        enrolment.course_id,
        enrolment.learner_id,
        enrolment.attempts,
        enrolment.passed_at,
    )


async def attempts(conn: Conn, course_id: str, learner_id: str) -> list[Attempt]:
    """A learner's attempts at a course, in order."""
    rows = await conn.fetch(
        f"select {_ATTEMPT} from attempt where course_id = $1 and learner_id = $2 order by number",
        course_id,
        learner_id,
    )
    return [_attempt(r) for r in rows]


def _attempt(row: Any) -> Attempt:
    attempt_id, course_id, learner_id, number, right, out_of, wrong, passed, submitted_at = row.values()
    return Attempt(attempt_id, course_id, learner_id, number, Grade(right, out_of, tuple(wrong)), passed, submitted_at)


async def save_attempt(conn: Conn, new: Attempt, answers: Answers) -> bool:
    """Inserts a graded attempt with its answers; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into attempt ({_ATTEMPT}, answers) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " on conflict (attempt_id) do nothing",
        new.attempt_id,
        new.course_id,
        new.learner_id,
        new.number,
        *new.grade,
        new.passed,
        new.submitted_at,
        json.dumps({question: list(chosen) for question, chosen in answers.items()}),
    )
    return status.endswith(" 1")


# -- what is known of registry ----------------------------------------------------------------------------------------


async def known_unit(conn: Conn, unit_id: str) -> list[UnitVersion]:
    """A unit's states by day, as far as registry has been followed."""
    rows = await conn.fetch(
        "select unit_id, valid_from, valid_to, void, code, name, kind, level, parent_id, district_id, commune_id"
        " from known_unit where unit_id = $1 and not void order by valid_from",
        unit_id,
    )
    return [UnitVersion(*r.values()) for r in rows]


async def known_organisation(conn: Conn, organisation_id: str) -> KnownOrganisation | None:
    """An organisation, as far as registry has been followed."""
    row = await conn.fetchrow(
        "select organisation_id, name, sector, valid_from, last_day, successor_id from known_organisation"
        " where organisation_id = $1",
        organisation_id,
    )
    return KnownOrganisation(*row.values()) if row else None
