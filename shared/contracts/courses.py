"""Events that courses publishes: courses, enrolments, quiz results."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Event


class CoursesEvent(Event):
    """Base of courses' events."""

    SERVICE: ClassVar[str] = "courses"


class CoursePublished(CoursesEvent):
    """A course with its quiz can be taken."""

    NAME: ClassVar[str] = "course_published"
    KEY: ClassVar[str] = "course_id"

    course_id: str
    title: str
    questions: int = Field(description="Questions in the quiz.")
    pass_mark: int = Field(description="Right answers needed to pass.")
    max_attempts: int | None = Field(default=None, description="None: as many as wanted.")
    opens_on: date
    closes_on: date | None = None


class LearnerEnrolled(CoursesEvent):
    """A learner takes a course. The learner is a pseudonym."""

    NAME: ClassVar[str] = "learner_enrolled"
    KEY: ClassVar[str] = "learner_id"

    learner_id: str
    course_id: str
    organisation_id: str | None = None
    unit_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None


class QuizResult(CoursesEvent):
    """What a pass and a fail have in common."""

    KEY: ClassVar[str] = "learner_id"

    attempt_id: str
    learner_id: str
    course_id: str
    organisation_id: str | None = None
    unit_id: str | None = None
    district_id: str | None = None
    commune_id: str | None = None
    attempt: int = Field(description="1 for the learner's first attempt at this course.")
    right: int = Field(description="Right answers.")
    out_of: int = Field(description="Questions asked.")


class QuizPassed(QuizResult):
    """A learner reached the pass mark."""

    NAME: ClassVar[str] = "quiz_passed"


class QuizFailed(QuizResult):
    """A learner did not reach the pass mark."""

    NAME: ClassVar[str] = "quiz_failed"
