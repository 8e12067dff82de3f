"""What courses answers to readers: courses, their right answers for those who publish, a learner's own results."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field

from services.courses import store
from services.courses.course import Attempt, Course, attempts_left
from services.courses.enrol import CourseId, learner_of, no_such_course
from services.courses.publish_course import ROLES as PUBLISHERS
from services.courses.quiz import Question
from shared import errors
from shared.auth import ANYONE, Caller, Role
from shared.deps import Svc
from shared.http import After, Limit, Page, allow, router, who

routes = router("read")
LEARNERS = (Role.LEARNER,)


class CourseView(BaseModel):
    """A published course."""

    course_id: str
    title: str
    questions: int
    pass_mark: int = Field(description="Right answers needed to pass.")
    max_attempts: int | None = Field(description="Null: as many as wanted.")
    opens_on: date
    closes_on: date | None
    published_at: AwareDatetime


class LessonView(BaseModel):
    """What is read before the quiz."""

    title: str
    text: str


class OptionView(BaseModel):
    """An option of a question."""

    option_id: str
    text: str


class QuestionView(BaseModel):
    """A question as learners see it."""

    question_id: str
    text: str
    several: bool = Field(description="Whether more than one option has to be chosen.")
    options: list[OptionView]


class CourseDetail(CourseView):
    """A course with everything that a learner needs to take it; right answers stay here."""

    lessons: list[LessonView]
    quiz: list[QuestionView]


class RightAnswers(BaseModel):
    """The right options of a quiz, by question id."""

    course_id: str
    right: dict[str, list[str]]


class AttemptView(BaseModel):
    """One of the learner's attempts."""

    attempt_id: str
    attempt: int
    right: int
    out_of: int
    passed: bool
    wrong: list[str]
    submitted_at: AwareDatetime


class ResultView(BaseModel):
    """How far the caller got in a course."""

    course_id: str
    organisation_id: str | None
    unit_id: str | None
    enrolled_at: AwareDatetime
    passed: bool
    passed_at: AwareDatetime | None = Field(description="The first pass; later attempts do not change it.")
    best: int | None = Field(description="Most right answers in one attempt; null before the first.")
    attempts_left: int | None = Field(description="Null: as many as wanted.")
    attempts: list[AttemptView]


@routes.get("/courses", openapi_extra=who(ANYONE, "public"))
async def list_courses(service: Svc, after: After = None, limit: Limit = 200) -> Page[CourseView]:
    """Courses, by id."""
    async with service.pool.acquire() as conn:
        rows = await store.courses(conn, after=after or "", limit=limit)
        total = await store.count_courses(conn)
    items = [CourseView(**r._asdict()) for r in rows]
    return Page(items=items, total=total, next=rows[-1].course_id if len(rows) == limit else None)


@routes.get("/courses/{course_id}", openapi_extra=who(ANYONE, "public"))
async def show_course(service: Svc, course_id: CourseId) -> CourseDetail:
    """A course with lessons and questions, without right answers."""
    async with service.pool.acquire() as conn:
        found = _known(course_id, await store.course(conn, course_id))
        lessons = await store.lessons(conn, course_id)
        questions = await store.questions(conn, course_id)
    return CourseDetail(
        **found._asdict(),
        lessons=[LessonView(title=title, text=text) for title, text in lessons],
        quiz=[_without_answer(q) for q in questions],
    )


@routes.get("/courses/{course_id}/right-answers", openapi_extra=who(PUBLISHERS, "the whole province"))
async def show_right_answers(
    service: Svc, course_id: CourseId, caller: Annotated[Caller, allow(*PUBLISHERS)]
) -> RightAnswers:
    """The right options of a course's quiz, for those who may publish one."""
    caller.must_cover([service.province], field="course_id")
    async with service.pool.acquire() as conn:
        _known(course_id, await store.course(conn, course_id))
        questions = await store.questions(conn, course_id)
    return RightAnswers(course_id=course_id, right={q.question_id: sorted(q.right) for q in questions})


@routes.get("/courses/{course_id}/results/mine", openapi_extra=who(LEARNERS, "the caller's own results"))
async def show_my_results(service: Svc, course_id: CourseId, caller: Annotated[Caller, allow(*LEARNERS)]) -> ResultView:
    """The caller's attempts at a course and what came of them."""
    learner_id = learner_of(service, caller)
    async with service.pool.acquire() as conn:
        found = _known(course_id, await store.course(conn, course_id))
        enrolment = await store.enrolment(conn, course_id, learner_id)
        tries = await store.attempts(conn, course_id, learner_id)
    if enrolment is None:
        raise _never_enrolled()
    return ResultView(
        course_id=course_id,
        organisation_id=enrolment.organisation_id,
        unit_id=enrolment.unit_id,
        enrolled_at=enrolment.enrolled_at,
        passed=enrolment.passed_at is not None,
        passed_at=enrolment.passed_at,
        best=max((t.grade.right for t in tries), default=None),
        attempts_left=attempts_left(found, enrolment),
        attempts=[_attempt(t) for t in tries],
    )


def _known(course_id: str, found: Course | None) -> Course:
    if found is None:
        raise no_such_course(course_id)
    return found


def _without_answer(question: Question) -> QuestionView:
    options = [OptionView(option_id=o.option_id, text=o.text) for o in question.options]
    return QuestionView(question_id=question.question_id, text=question.text, several=question.several, options=options)


def _attempt(made: Attempt) -> AttemptView:
    return AttemptView(
        attempt_id=made.attempt_id,
        attempt=made.number,
        right=made.grade.right,
        out_of=made.grade.out_of,
        passed=made.passed,
        wrong=list(made.grade.wrong),
        submitted_at=made.submitted_at,
    )


def _never_enrolled() -> errors.Problem:
    return errors.not_found(
        "not_enrolled",
        "course_id",
        "Bạn chưa ghi danh khóa học này nên chưa có kết quả.",
        "You are not enrolled in this course, so there are no results.",
    )
