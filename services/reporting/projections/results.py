"""Who passed the course? Learners' best results, and counts by organisation.

Counts are of distinct learners: enrolled, passed (at least once). Attempts are counted beside them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from shared.contracts import Recorded
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed, QuizResult
from shared.projection import Counters, Key, Projection, Rows, Table

EVERYONE = "_"
"""`organisation_id` of the row that counts all learners of a course."""
NO_ORGANISATION = "-"
"""`organisation_id` of the row that counts learners who named none."""


class CourseRow(NamedTuple):
    """A published course."""

    course_id: str
    title: str
    questions: int
    pass_mark: int


class LearnerRow(NamedTuple):
    """A learner of a course, by pseudonym."""

    course_id: str
    learner_id: str
    organisation_id: str | None
    unit_id: str | None
    attempts: int
    best_right: int
    passed_at: datetime | None


class OrganisationResultRow(NamedTuple):
    """Results of an organisation's learners in a course."""

    course_id: str
    organisation_id: str
    enrolled: int
    passed: int
    attempts: int


courses = Table("course", CourseRow, key=1, cached=True)
learners = Table("learner", LearnerRow, key=2)
organisation_results = Counters("organisation_result", OrganisationResultRow, key=2)
results = Projection("results", version=2, tables=(courses, learners, organisation_results))


@results.on(CoursePublished, needs=lambda *_: ())
def course_published(rows: Rows, _: Recorded, event: CoursePublished) -> None:
    """A course can be taken."""
    rows.put(courses, CourseRow(event.course_id, event.title, event.questions, event.pass_mark))


def _needs(_: Recorded, event: LearnerEnrolled | QuizResult) -> list[tuple[Table[Any], Key]]:
    return [(learners, (event.course_id, event.learner_id))]


def _counted_at(event: LearnerEnrolled | QuizResult) -> tuple[str, str]:
    return (event.organisation_id or NO_ORGANISATION, EVERYONE)


@results.on(LearnerEnrolled, needs=_needs)
def learner_enrolled(rows: Rows, _: Recorded, event: LearnerEnrolled) -> None:
    """One more in the denominator."""
    if rows.get(learners, event.course_id, event.learner_id) is not None:
        return
    rows.put(learners, LearnerRow(event.course_id, event.learner_id, event.organisation_id, event.unit_id, 0, 0, None))
    _add(rows, event, enrolled=1)


@results.on(QuizPassed, needs=_needs)
def quiz_passed(rows: Rows, _: Recorded, event: QuizPassed) -> None:
    """The first pass counts; later ones are attempts only."""
    learner = _learner(rows, event)
    first = learner.passed_at is None
    rows.put(learners, _attempted(learner, event)._replace(passed_at=learner.passed_at or event.occurred_at))
    _add(rows, event, attempts=1, passed=int(first))


@results.on(QuizFailed, needs=_needs)
def quiz_failed(rows: Rows, _: Recorded, event: QuizFailed) -> None:
    """An attempt more; a pass before it stays."""
    rows.put(learners, _attempted(_learner(rows, event), event))
    _add(rows, event, attempts=1)


def _learner(rows: Rows, event: QuizResult) -> LearnerRow:
    learner = rows.get(learners, event.course_id, event.learner_id)
    if learner is None:
        raise LookupError(f"learner {event.learner_id} was never enrolled in {event.course_id}")
    return learner


def _attempted(learner: LearnerRow, event: QuizResult) -> LearnerRow:
    return learner._replace(attempts=learner.attempts + 1, best_right=max(learner.best_right, event.right))


def _add(
    rows: Rows, event: LearnerEnrolled | QuizResult, *, enrolled: int = 0, passed: int = 0, attempts: int = 0
) -> None:
    for organisation_id in _counted_at(event):
        rows.add(organisation_results, (event.course_id, organisation_id), (enrolled, passed, attempts))
