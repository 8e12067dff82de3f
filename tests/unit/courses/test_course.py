"""What can be published, when a course is open, who is enrolled for whom, which attempts count."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.courses import course as rules
from services.courses.course import Course, Enrolment
from services.courses.on_registry import KnownOrganisation
from services.courses.quiz import Option, Question
from shared.clock import VIETNAM
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed
from shared.contracts.history import UnitVersion
from shared.errors import Problem

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
QUIZ = [Question(q, q, (Option("a", "A"), Option("b", "B")), frozenset("a")) for q in ("q1", "q2", "q3")]
MO_DUC = UnitVersion("21400", date(2020, 2, 1), None, False, "21400", "Thị trấn Mộ Đức", "township", "commune", "533",
                     "533", "21400")  # fmt: skip
RIGHT, WRONG = ["a"], ["b"]


def a_course(
    pass_mark: int = 2,
    max_attempts: int | None = 2,
    opens_on: date = date(2023, 7, 28),
    closes_on: date | None = date(2023, 8, 15),
) -> Course:
    return Course("dvc", "Dịch vụ công", len(QUIZ), pass_mark, max_attempts, opens_on, closes_on, NOW)


def enrolled(attempts: int = 0, passed_at: datetime | None = None) -> Enrolment:
    return Enrolment("dvc", "L1", "tinh-doan", "21400", "533", "21400", NOW, attempts, passed_at)


def sheet(right: int, attempt_id: str = "t1") -> tuple[str, dict[str, list[str]]]:
    """An attempt with this many right answers."""
    return attempt_id, {q.question_id: RIGHT if n < right else WRONG for n, q in enumerate(QUIZ)}


def refusal(problem: Problem) -> tuple[int, str, list[str]]:
    return problem.status, problem.slug, [f.field for f in problem.fields]


# -- publishing -------------------------------------------------------------------------------------------------------


def test_publishing_says_what_others_need_and_nothing_of_the_answers() -> None:
    assert rules.publish(a_course(), QUIZ) == CoursePublished(
        occurred_at=NOW, course_id="dvc", title="Dịch vụ công", questions=3, pass_mark=2, max_attempts=2,
        opens_on=date(2023, 7, 28), closes_on=date(2023, 8, 15),
    )  # fmt: skip


def test_a_pass_mark_may_ask_for_every_question_but_not_for_more() -> None:
    rules.publish(a_course(pass_mark=3), QUIZ)
    with pytest.raises(Problem) as refused:
        rules.publish(a_course(pass_mark=4), QUIZ)
    assert refusal(refused.value) == (422, "pass_mark_too_high", ["pass_mark"])


def test_a_course_may_close_on_the_day_it_opens_but_not_before() -> None:
    rules.publish(a_course(closes_on=date(2023, 7, 28)), QUIZ)
    with pytest.raises(Problem) as refused:
        rules.publish(a_course(closes_on=date(2023, 7, 27)), QUIZ)
    assert refusal(refused.value) == (422, "closes_before_opening", ["closes_on"])


def test_a_quiz_that_cannot_be_graded_is_not_published() -> None:
    with pytest.raises(Problem) as refused:
        rules.publish(a_course(), [QUIZ[0], QUIZ[0], QUIZ[1]])
    assert refusal(refused.value) == (422, "id_twice", ["questions.1.question_id"])


# -- enrolling --------------------------------------------------------------------------------------------------------


def test_enrolling_takes_the_place_of_the_unit() -> None:
    enrolment, event = rules.enrol(a_course(), "L1", "tinh-doan", MO_DUC, NOW)
    assert enrolment == enrolled()
    assert event == LearnerEnrolled(
        occurred_at=NOW, learner_id="L1", course_id="dvc", organisation_id="tinh-doan", unit_id="21400",
        district_id="533", commune_id="21400",
    )  # fmt: skip


def test_a_citizen_enrols_without_an_organisation_and_without_a_unit() -> None:
    enrolment, event = rules.enrol(a_course(), "L1", None, None, NOW)
    assert (enrolment.organisation_id, enrolment.unit_id, enrolment.district_id, enrolment.commune_id) == (None,) * 4
    assert event.subject("51") == "cds.51.courses.learner_enrolled._._"


def test_enrolling_is_possible_ahead_of_the_first_day_but_not_after_the_last() -> None:
    rules.enrol(a_course(), "L1", None, None, NOW - timedelta(days=30))
    with pytest.raises(Problem) as refused:
        rules.enrol(a_course(), "L1", None, None, NOW + timedelta(days=30))
    assert refusal(refused.value) == (409, "course_closed", ["course_id"])


def test_enrolling_again_must_name_the_same_organisation_and_unit() -> None:
    there = enrolled(attempts=1)
    rules.must_be_the_same(there, enrolled())
    with pytest.raises(Problem) as other_organisation:
        rules.must_be_the_same(there, enrolled()._replace(organisation_id="so-tttt"))
    with pytest.raises(Problem) as other_unit:
        rules.must_be_the_same(there, enrolled()._replace(unit_id=None))
    assert refusal(other_organisation.value) == (409, "enrolled_for_another_organisation", ["organisation_id"])
    assert refusal(other_unit.value) == (409, "enrolled_for_another_unit", ["unit_id"])


# -- attempts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "passed"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_pass_mark_itself_is_enough(right: int, passed: bool) -> None:
    new, after, event = rules.attempt(a_course(), QUIZ, enrolled(), sheet(right), NOW)
    assert (new.passed, new.number, new.grade.right, new.grade.out_of) == (passed, 1, right, 3)
    assert (after.attempts, after.passed_at) == (1, NOW if passed else None)
    kind = QuizPassed if passed else QuizFailed
    assert event == kind(
        occurred_at=NOW, attempt_id="t1", learner_id="L1", course_id="dvc", organisation_id="tinh-doan",
        unit_id="21400", district_id="533", commune_id="21400", attempt=1, right=right, out_of=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "slug"),
    [
        (datetime(2023, 7, 27, 23, 59, 59, tzinfo=VIETNAM), "course_not_open_yet"),
        (datetime(2023, 7, 28, 0, 0, 0, tzinfo=VIETNAM), None),
        (datetime(2023, 8, 15, 23, 59, 59, tzinfo=VIETNAM), None),
        (datetime(2023, 8, 16, 0, 0, 0, tzinfo=VIETNAM), "course_closed"),
        (datetime(2023, 7, 27, 17, 0, 0, tzinfo=UTC), None),
        (datetime(2023, 8, 15, 17, 0, 0, tzinfo=UTC), "course_closed"),
    ],
)
def test_a_course_is_open_from_its_first_to_its_last_day_in_vietnam(moment: datetime, slug: str | None) -> None:
    if slug is None:
        rules.attempt(a_course(), QUIZ, enrolled(), sheet(3), moment)
        return
    with pytest.raises(Problem) as refused:
        rules.attempt(a_course(), QUIZ, enrolled(), sheet(3), moment)
    assert refusal(refused.value) == (409, slug, ["course_id"])


def test_a_course_without_a_last_day_stays_open() -> None:
    rules.attempt(a_course(closes_on=None), QUIZ, enrolled(), sheet(3), NOW + timedelta(days=3650))


@given(
    max_attempts=st.one_of(st.none(), st.integers(1, 6)),
    marks=st.lists(st.integers(0, 3), max_size=10),
)
def test_attempts_are_counted_up_to_the_limit_and_the_first_pass_stays(
    max_attempts: int | None, marks: list[int]
) -> None:
    course, enrolment = a_course(max_attempts=max_attempts), enrolled()
    taken: list[int] = []
    for number, right in enumerate(marks):
        now = NOW + timedelta(minutes=number)
        if rules.attempts_left(course, enrolment) == 0:
            with pytest.raises(Problem) as refused:
                rules.attempt(course, QUIZ, enrolment, sheet(right, f"t{number}"), now)
            assert refusal(refused.value) == (409, "no_attempts_left", ["attempt_id"])
            continue
        new, enrolment, _ = rules.attempt(course, QUIZ, enrolment, sheet(right, f"t{number}"), now)
        taken.append(new.grade.right)
        assert new.number == len(taken)

    assert taken == marks[:max_attempts]
    assert rules.attempts_left(course, enrolment) == (None if max_attempts is None else max_attempts - len(taken))
    first_pass = next((n for n, right in enumerate(taken) if right >= course.pass_mark), None)
    assert enrolment.passed_at == (None if first_pass is None else NOW + timedelta(minutes=first_pass))


# -- units and organisations of the day -------------------------------------------------------------------------------


REFORM = date(2025, 7, 1)
AFTER = MO_DUC._replace(valid_from=REFORM, name="Xã Mộ Đức", parent_id="51", district_id=None)


@pytest.mark.parametrize(("day", "found"), [(date(2025, 6, 30), MO_DUC._replace(valid_to=REFORM)), (REFORM, AFTER)])
def test_a_learner_belongs_to_the_unit_as_it_is_that_day(day: date, found: UnitVersion) -> None:
    assert rules.in_force([MO_DUC._replace(valid_to=REFORM), AFTER], day) == found


@pytest.mark.parametrize(
    ("states", "day", "said"),
    [
        ([MO_DUC._replace(valid_to=REFORM)], REFORM, "không còn từ ngày 01/07/2025"),
        ([AFTER], date(2025, 6, 30), "Ngày 30/06/2025 chưa có"),
    ],
)
def test_nobody_enrols_at_a_unit_that_is_not_in_force(states: list[UnitVersion], day: date, said: str) -> None:
    with pytest.raises(Problem) as refused:
        rules.in_force(states, day)
    assert (refused.value.status, refused.value.slug) == (422, "unit_not_in_force")
    assert [f.field for f in refused.value.fields] == ["unit_id"]
    assert said in refused.value.fields[0].message.vi


YOUTH = KnownOrganisation("tinh-doan", "Tỉnh đoàn", "youth_union", date(2023, 7, 1), date(2025, 2, 28), "mttq")


def test_nobody_enrols_for_an_organisation_before_its_first_or_after_its_last_day() -> None:
    for day in (date(2023, 7, 1), date(2025, 2, 28)):
        rules.must_exist(YOUTH, day)
        rules.must_exist(YOUTH._replace(valid_from=None, last_day=None), day)


@pytest.mark.parametrize(
    ("day", "slug", "said"),
    [
        (date(2023, 6, 30), "organisation_not_there_yet", "01/07/2023"),
        (date(2025, 3, 1), "organisation_dissolved", "Hãy chọn «mttq»"),
    ],
)
def test_the_refusal_says_from_when_or_who_came_after(day: date, slug: str, said: str) -> None:
    with pytest.raises(Problem) as refused:
        rules.must_exist(YOUTH, day)
    assert (refused.value.slug, [f.field for f in refused.value.fields]) == (slug, ["organisation_id"])
    assert said in refused.value.fields[0].message.vi
