"""Rules of courses: what can be published, when a course is open, who may enrol, which attempts count. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.courses.on_registry import KnownOrganisation
from services.courses.quiz import Answers, Grade, Question, check, grade
from shared import errors
from shared.clock import local_day
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed
from shared.contracts.history import UnitVersion


class Course(NamedTuple):
    """A published course, without its questions. `max_attempts` None: as many as wanted; `closes_on`: the last day."""

    course_id: str
    title: str
    questions: int
    pass_mark: int
    max_attempts: int | None
    opens_on: date
    closes_on: date | None
    published_at: datetime


class Enrolment(NamedTuple):
    """A learner's place in a course, and how far the learner got."""

    course_id: str
    learner_id: str
    organisation_id: str | None
    unit_id: str | None
    district_id: str | None
    commune_id: str | None
    enrolled_at: datetime
    attempts: int
    passed_at: datetime | None
    """When the learner passed for the first time; a later attempt never takes that away."""


class Attempt(NamedTuple):
    """A graded attempt; `number` counts the learner's attempts at the course from 1."""

    attempt_id: str
    course_id: str
    learner_id: str
    number: int
    grade: Grade
    passed: bool
    submitted_at: datetime


def publish(course: Course, questions: Sequence[Question]) -> CoursePublished:
    """The event of a course that can be taken from now on. Raises 422 for one that nobody could take or pass."""
    check(questions)
    if course.pass_mark > course.questions:
        raise errors.invalid(
            "pass_mark_too_high",
            "pass_mark",
            f"Điểm đạt là {course.pass_mark} nhưng chỉ có {course.questions} câu hỏi.",
            f"The pass mark is {course.pass_mark}, but there are only {course.questions} questions.",
        )
    if course.closes_on is not None and course.closes_on < course.opens_on:
        raise errors.invalid(
            "closes_before_opening",
            "closes_on",
            f"Ngày đóng phải từ ngày mở {course.opens_on:%d/%m/%Y} trở đi.",
            f"The last day must be on or after the first day {course.opens_on}.",
        )
    return CoursePublished(
        occurred_at=course.published_at,
        course_id=course.course_id,
        title=course.title,
        questions=course.questions,
        pass_mark=course.pass_mark,
        max_attempts=course.max_attempts,
        opens_on=course.opens_on,
        closes_on=course.closes_on,
    )


def must_have_opened(course: Course, day: date) -> None:
    """Raises 409 before the course's first day."""
    if day < course.opens_on:
        raise errors.conflict(
            "course_not_open_yet",
            "course_id",
            f"Khóa học mở từ ngày {course.opens_on:%d/%m/%Y}. Hãy quay lại từ ngày đó.",
            f"The course opens on {course.opens_on}. Come back then.",
        )


def must_not_be_closed(course: Course, day: date) -> None:
    """Raises 409 after the course's last day."""
    if course.closes_on is not None and day > course.closes_on:
        raise errors.conflict(
            "course_closed",
            "course_id",
            f"Khóa học đã đóng sau ngày {course.closes_on:%d/%m/%Y}.",
            f"The course closed after {course.closes_on}.",
        )


def enrol(
    course: Course, learner_id: str, organisation_id: str | None, unit: UnitVersion | None, now: datetime
) -> tuple[Enrolment, LearnerEnrolled]:
    """A learner takes a course, also ahead of its first day. Raises 409 when it is over."""
    must_not_be_closed(course, local_day(now))
    unit_id, district_id, commune_id = (unit.unit_id, unit.district_id, unit.commune_id) if unit else (None, None, None)
    enrolment = Enrolment(
        course.course_id, learner_id, organisation_id, unit_id, district_id, commune_id, now, attempts=0, passed_at=None
    )
    event = LearnerEnrolled(
        occurred_at=now,
        learner_id=learner_id,
        course_id=course.course_id,
        organisation_id=organisation_id,
        unit_id=unit_id,
        district_id=district_id,
        commune_id=commune_id,
    )
    return enrolment, event


def must_exist(organisation: KnownOrganisation, day: date) -> None:
    """Raises 422 for an organisation that has ended, or has not begun."""
    if organisation.valid_from and day < organisation.valid_from:
        raise errors.invalid(
            "organisation_not_there_yet",
            "organisation_id",
            f"«{organisation.name}» hoạt động từ ngày {organisation.valid_from:%d/%m/%Y}.",
            f"«{organisation.name}» begins on {organisation.valid_from}.",
        )
    if organisation.last_day and day > organisation.last_day:
        vi, en = (f" Hãy chọn «{i}».", f" Choose «{i}».") if (i := organisation.successor_id) else ("", "")
        raise errors.invalid(
            "organisation_dissolved",
            "organisation_id",
            f"«{organisation.name}» đã giải thể sau ngày {organisation.last_day:%d/%m/%Y}.{vi}",
            f"«{organisation.name}» was dissolved after {organisation.last_day}.{en}",
        )


def in_force(states: Sequence[UnitVersion], day: date) -> UnitVersion:
    """A unit as it is on a day; `states` by day, at least one. Raises 422 where it is not in force."""
    for state in states:
        if state.valid_from <= day and (state.valid_to is None or day < state.valid_to):
            return state
    name, ended = states[-1].name, states[-1].valid_to
    if ended and ended <= day:
        raise errors.invalid(
            "unit_not_in_force",
            "unit_id",
            f"«{name}» không còn từ ngày {ended:%d/%m/%Y}. Hãy chọn đơn vị hiện nay; xem /registry/units.",
            f"«{name}» is no longer in force since {ended}. Choose the unit of today; see /registry/units.",
        )
    raise errors.invalid(
        "unit_not_in_force",
        "unit_id",
        f"Ngày {day:%d/%m/%Y} chưa có đơn vị «{name}»; xem /registry/units.",
        f"«{name}» is not yet in force on {day}; see /registry/units.",
    )


def must_be_the_same(there: Enrolment, wanted: Enrolment) -> None:
    """Raises 409 when a learner who is enrolled asks again for another organisation or unit: results count once."""
    if there.organisation_id != wanted.organisation_id:
        raise errors.conflict(
            "enrolled_for_another_organisation",
            "organisation_id",
            f"Bạn đã ghi danh khóa học này cho tổ chức «{there.organisation_id or 'không có'}»; không thể đổi.",
            f"You are enrolled in this course for «{there.organisation_id or 'no organisation'}»; that cannot change.",
        )
    if there.unit_id != wanted.unit_id:
        raise errors.conflict(
            "enrolled_for_another_unit",
            "unit_id",
            f"Bạn đã ghi danh khóa học này tại đơn vị «{there.unit_id or 'không có'}»; không thể đổi.",
            f"You are enrolled in this course for unit «{there.unit_id or 'none'}»; that cannot change.",
        )


def attempts_left(course: Course, enrolment: Enrolment) -> int | None:
    """How often the learner may still try; None: as often as wanted."""
    return None if course.max_attempts is None else max(course.max_attempts - enrolment.attempts, 0)


def attempt(
    course: Course, questions: Sequence[Question], enrolment: Enrolment, sheet: tuple[str, Answers], now: datetime
) -> tuple[Attempt, Enrolment, QuizPassed | QuizFailed]:
    """Grades a sheet (attempt id and answers): the attempt, the enrolment after it, what happened.

    Attempts after a pass are allowed, for practice, while there are any left; the first pass stays.
    """
    must_have_opened(course, local_day(now))
    must_not_be_closed(course, local_day(now))
    if attempts_left(course, enrolment) == 0:
        raise _no_attempts_left(enrolment)
    attempt_id, answers = sheet
    graded, number = grade(questions, answers), enrolment.attempts + 1
    passed = graded.right >= course.pass_mark
    new = Attempt(attempt_id, course.course_id, enrolment.learner_id, number, graded, passed, now)
    after = enrolment._replace(attempts=number, passed_at=enrolment.passed_at or (now if passed else None))
    return new, after, _result(new, enrolment)


def _result(new: Attempt, enrolment: Enrolment) -> QuizPassed | QuizFailed:
    event = QuizPassed if new.passed else QuizFailed
    return event(
        occurred_at=new.submitted_at,
        attempt_id=new.attempt_id,
        learner_id=new.learner_id,
        course_id=new.course_id,
        organisation_id=enrolment.organisation_id,
        unit_id=enrolment.unit_id,
        district_id=enrolment.district_id,
        commune_id=enrolment.commune_id,
        attempt=new.number,
        right=new.grade.right,
        out_of=new.grade.out_of,
    )


def _no_attempts_left(enrolment: Enrolment) -> errors.Problem:
    return errors.conflict(
        "no_attempts_left",
        "attempt_id",
        f"Bạn đã dùng hết {enrolment.attempts} lượt thi. Kết quả tốt nhất vẫn được giữ; xem tại «results/mine».",
        f"All {enrolment.attempts} attempts are used. What you reached stays; see «results/mine».",
    )
