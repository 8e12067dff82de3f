"""POST /courses/{course_id}/attempts: a learner's answers, graded here against the published quiz."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.courses import course, store
from services.courses.enrol import ROLES, CourseId, learner_of, no_such_course
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Id, allow, router, who

routes = router("learners")


class SubmitAnswers(Body):
    """A filled-in quiz."""

    attempt_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    answers: dict[Id, Annotated[list[Id], Field(max_length=10)]] = Field(
        max_length=200,
        description="The chosen option ids by question id. A question that is left out counts as wrong.",
        examples=[{"q1": ["a"], "q2": ["b", "d"]}],
    )


class AttemptAnswer(Answer):
    """A graded attempt."""

    attempt_id: str
    attempt: int = Field(description="1 for the learner's first attempt at this course.")
    right: int
    out_of: int
    pass_mark: int
    passed: bool
    attempts_left: int | None = Field(description="Null: as many as wanted.")
    wrong: list[str] = Field(description="Ids of the questions that were not answered rightly.")


@routes.post(
    "/courses/{course_id}/attempts",
    status_code=201,
    openapi_extra=who(ROLES, "courses in which the caller is enrolled"),
)
async def submit_answers(
    service: Svc, course_id: CourseId, body: SubmitAnswers, caller: Annotated[Caller, allow(*ROLES)]
) -> AttemptAnswer:
    """Grades an attempt. The same id and content again: the first answer again; other content: 409.

    After a pass further attempts are taken while there are any left; the first pass stays.
    """
    learner_id = learner_of(service, caller)

    async def work(conn: Conn, now: datetime) -> Decision:
        taken = await store.course(conn, course_id)
        if taken is None:
            raise no_such_course(course_id)
        enrolment = await store.lock_enrolment(conn, course_id, learner_id)
        if enrolment is None:
            raise _not_enrolled()
        return await _save(conn, taken, enrolment, body, now)

    content = {"course": course_id, "learner": learner_id, **body.model_dump()}
    done = await service.commands.execute("submit_answers", work, by=caller, key=body.attempt_id, body=content)
    return AttemptAnswer(**done.answer, pos=done.pos)


async def _save(
    conn: Conn, taken: course.Course, enrolment: course.Enrolment, body: SubmitAnswers, now: datetime
) -> Decision:
    questions = await store.questions(conn, taken.course_id)
    new, after, event = course.attempt(taken, questions, enrolment, (body.attempt_id, body.answers), now)
    if not await store.save_attempt(conn, new, body.answers):
        raise errors.conflict(
            "id_taken", "attempt_id", "Mã lượt thi đã được dùng. Hãy tạo mã mới.", "This id is taken. Make a new one."
        )
    await store.note_progress(conn, after)
    return Decision(_answer(taken, new, after), [event])


def _answer(taken: course.Course, new: course.Attempt, after: course.Enrolment) -> dict[str, object]:
    return {
        "attempt_id": new.attempt_id,
        "attempt": new.number,
        "right": new.grade.right,
        "out_of": new.grade.out_of,
        "pass_mark": taken.pass_mark,
        "passed": new.passed,
        "attempts_left": course.attempts_left(taken, after),
        "wrong": list(new.grade.wrong),
    }


def _not_enrolled() -> errors.Problem:
    return errors.conflict(
        "not_enrolled",
        "course_id",
        "Bạn chưa ghi danh khóa học này. Hãy ghi danh trước khi làm bài.",
        "You are not enrolled in this course. Enrol before you take the quiz.",
    )
