"""Every branch of the fold of course results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.reporting.projections.results import CourseRow, LearnerRow, OrganisationResultRow, results
from shared.contracts import Event, Recorded
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed
from shared.projection import fold_all

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
COURSE = CoursePublished(
    occurred_at=NOW, course_id="dvc", title="Dịch vụ công", questions=10, pass_mark=7, opens_on=NOW.date()
)


def enrolled(learner: str = "an", organisation: str | None = "youth", course: str = "dvc") -> LearnerEnrolled:
    return LearnerEnrolled(
        occurred_at=NOW, learner_id=learner, course_id=course, organisation_id=organisation, unit_id="21400"
    )


def attempt(right: int, learner: str = "an", organisation: str | None = "youth", hours: int = 0) -> Event:
    kind = QuizPassed if right >= 7 else QuizFailed
    return kind(
        occurred_at=NOW + timedelta(hours=hours), attempt_id=f"{learner}-{hours}", learner_id=learner, course_id="dvc",
        organisation_id=organisation, unit_id="21400", attempt=1, right=right, out_of=10,
    )  # fmt: skip


def after(*events: Event, table: str) -> dict[Any, Any]:
    """The rows of a table by key."""
    records = [Recorded("courses", pos, f"e{pos}", NOW, event) for pos, event in enumerate(events, 1)]
    return dict(fold_all(results, records)[table])


def test_a_published_course_is_known() -> None:
    assert after(COURSE, table="course") == {("dvc",): CourseRow("dvc", "Dịch vụ công", 10, 7)}


def test_enrolling_counts_at_the_organisation_and_for_everyone() -> None:
    assert after(COURSE, enrolled(), table="organisation_result") == {
        ("dvc", "youth"): OrganisationResultRow("dvc", "youth", 1, 0, 0),
        ("dvc", "_"): OrganisationResultRow("dvc", "_", 1, 0, 0),
    }


def test_who_names_no_organisation_counts_apart() -> None:
    assert set(after(COURSE, enrolled(organisation=None), table="organisation_result")) == {("dvc", "-"), ("dvc", "_")}


def test_an_enrolment_that_was_counted_counts_once() -> None:
    found = after(COURSE, enrolled(), attempt(9), enrolled(), table="organisation_result")
    assert found["dvc", "_"] == OrganisationResultRow("dvc", "_", 1, 1, 1)


def test_only_the_first_pass_counts_and_its_moment_stays() -> None:
    events = (COURSE, enrolled(), attempt(3), attempt(7, hours=1), attempt(10, hours=2), attempt(2, hours=3))
    assert after(*events, table="organisation_result")["dvc", "youth"] == OrganisationResultRow("dvc", "youth", 1, 1, 4)
    assert after(*events, table="learner") == {
        ("dvc", "an"): LearnerRow("dvc", "an", "youth", "21400", 4, 10, NOW + timedelta(hours=1))
    }


def test_failing_is_an_attempt_and_no_pass() -> None:
    events = (COURSE, enrolled(), attempt(6))
    assert after(*events, table="organisation_result")["dvc", "_"] == OrganisationResultRow("dvc", "_", 1, 0, 1)
    assert after(*events, table="learner")["dvc", "an"].best_right == 6


def test_the_same_learner_counts_in_each_course() -> None:
    found = after(COURSE, enrolled(), enrolled(course="qr"), attempt(9), table="organisation_result")
    assert (found["dvc", "_"].passed, found["qr", "_"].passed, found["qr", "_"].enrolled) == (1, 0, 1)


@pytest.mark.parametrize("right", [0, 10])
def test_a_result_of_someone_who_never_enrolled_raises(right: int) -> None:
    with pytest.raises(LookupError, match="never enrolled"):
        after(COURSE, attempt(right), table="learner")
    with pytest.raises(LookupError, match="never enrolled"):
        after(COURSE, enrolled("binh"), attempt(right), table="learner")
