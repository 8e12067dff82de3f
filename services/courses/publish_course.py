"""POST /courses: a course with its quiz is published; from then on it is frozen, and attempts are graded against it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from services.courses import course, store
from services.courses.quiz import Option, Question
from services.courses.store import Lesson
from shared import errors
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("courses")
ROLES = (Role.PROVINCE_OFFICER, Role.OPERATOR)

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class LessonBody(Body):
    """What is read before the quiz."""

    title: Name = Field(examples=["Nộp hồ sơ trực tuyến"])
    text: Annotated[str, StringConstraints(min_length=1, max_length=50_000)]


class OptionBody(Body):
    """An option of a question."""

    option_id: Id = Field(examples=["a"])
    text: Sentence = Field(examples=["Cổng Dịch vụ công Quốc gia"])


class QuestionBody(Body):
    """A question of the quiz, multiple choice when `right` names more than one option."""

    question_id: Id = Field(examples=["q1"])
    text: Sentence = Field(examples=["Nộp hồ sơ trực tuyến ở đâu?"])
    options: list[OptionBody] = Field(min_length=2, max_length=10)
    right: list[Id] = Field(
        min_length=1, max_length=10, description="Ids of all right options. Never shown to learners.", examples=[["a"]]
    )


class PublishCourse(Body):
    """A course with its quiz."""

    course_id: Id = Field(
        description="Made by the client, so that sending again is harmless.", examples=["dvc-truc-tuyen"]
    )
    title: Name = Field(examples=["Sử dụng dịch vụ công trực tuyến"])
    lessons: list[LessonBody] = Field(default_factory=list, max_length=100)
    questions: list[QuestionBody] = Field(min_length=1, max_length=200)
    pass_mark: int = Field(ge=1, le=200, description="Right answers needed to pass.")
    max_attempts: int | None = Field(None, ge=1, le=1000, description="Null: as many as wanted.")
    opens_on: Day = Field(description="First day on which attempts are taken.")
    closes_on: Day | None = Field(None, description="Last day on which attempts are taken; null: stays open.")


class CourseAnswer(Answer):
    """A published course."""

    course_id: str


@routes.post("/courses", status_code=201, openapi_extra=who(ROLES, "the whole province"))
async def publish_course(service: Svc, body: PublishCourse, caller: Annotated[Caller, allow(*ROLES)]) -> CourseAnswer:
    """Publishes a course. The same id and content again: the first answer again; other content: 409."""
    caller.must_cover([service.province], field="course_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        return await _save(conn, body, now)

    done = await service.commands.execute("publish_course", work, by=caller, key=body.course_id, body=body)
    return CourseAnswer(**done.answer, pos=done.pos)


async def _save(conn: Conn, body: PublishCourse, now: datetime) -> Decision:
    questions = [_question(q) for q in body.questions]
    facts = body.model_dump(exclude={"lessons", "questions"})
    new = course.Course(**facts, questions=len(questions), published_at=now)
    event = course.publish(new, questions)
    if not await store.save_course(conn, new):
        raise errors.conflict(
            "id_taken", "course_id", "Mã khóa học đã được dùng. Hãy tạo mã mới.", "This id is taken. Make a new one."
        )
    await store.save_lessons(conn, new.course_id, [Lesson(lesson.title, lesson.text) for lesson in body.lessons])
    await store.save_questions(conn, new.course_id, questions)
    return Decision({"course_id": new.course_id}, [event])


def _question(body: QuestionBody) -> Question:
    options = tuple(Option(o.option_id, o.text) for o in body.options)
    return Question(body.question_id, body.text, options, frozenset(body.right))
