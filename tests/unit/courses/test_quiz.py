"""What makes a quiz gradable, and what makes an answer right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.courses.quiz import Answers, Option, Question, check, grade
from shared.errors import Problem


def question(question_id: str = "q1", options: str = "abcd", right: str = "a") -> Question:
    """A question whose ids are letters: `right="ac"` takes exactly a and c."""
    return Question(question_id, "Câu hỏi?", tuple(Option(o, f"Lựa chọn {o}") for o in options), frozenset(right))


@st.composite
def questions(draw: st.DrawFn) -> list[Question]:
    made = []
    for number in range(draw(st.integers(1, 12))):
        options = "abcdefghij"[: draw(st.integers(2, 10))]
        right = "".join(draw(st.sets(st.sampled_from(options), min_size=1)))
        made.append(question(f"q{number}", options, right))
    return made


@st.composite
def sheets(draw: st.DrawFn, quiz: list[Question]) -> dict[str, list[str]]:
    """Any answers that name only what the quiz has; questions may be left out, options repeated, in any order."""
    answered = draw(st.lists(st.sampled_from(quiz), unique=True))
    return {q.question_id: draw(st.lists(st.sampled_from([o.option_id for o in q.options]))) for q in answered}


def fields_of(problem: Problem) -> list[str]:
    return [f.field for f in problem.fields]


@given(questions())
def test_all_right_options_of_every_question_give_full_marks(quiz: list[Question]) -> None:
    assert grade(quiz, {q.question_id: q.right for q in quiz}) == (len(quiz), len(quiz), ())


@given(st.data())
def test_right_and_wrong_questions_are_all_questions(data: st.DataObject) -> None:
    quiz = data.draw(questions())
    sheet = data.draw(sheets(quiz))
    graded = grade(quiz, sheet)

    right = {q.question_id for q in quiz if set(sheet.get(q.question_id, [])) == q.right}
    assert graded.right == len(right)
    assert graded.out_of == len(quiz)
    assert list(graded.wrong) == [q.question_id for q in quiz if q.question_id not in right]


@given(st.data())
def test_order_and_repetition_of_options_do_not_matter(data: st.DataObject) -> None:
    quiz = data.draw(questions())
    sheet = data.draw(sheets(quiz))
    shuffled = {q: data.draw(st.permutations(chosen + chosen[:1])) for q, chosen in sheet.items()}
    assert grade(quiz, shuffled) == grade(quiz, sheet)


@given(st.data())
def test_one_option_too_many_or_too_few_makes_a_right_answer_wrong(data: st.DataObject) -> None:
    quiz = data.draw(questions())
    spoiled = data.draw(st.sampled_from(quiz))
    option = data.draw(st.sampled_from(spoiled.options)).option_id
    sheet = {q.question_id: q.right for q in quiz}
    graded = grade(quiz, {**sheet, spoiled.question_id: spoiled.right ^ {option}})
    assert graded == (len(quiz) - 1, len(quiz), (spoiled.question_id,))


def test_a_question_without_an_answer_is_wrong() -> None:
    quiz = [question("q1"), question("q2")]
    assert grade(quiz, {"q1": ["a"]}) == (1, 2, ("q2",))
    assert grade(quiz, {"q1": ["a"], "q2": []}) == (1, 2, ("q2",))


@pytest.mark.parametrize(
    ("answers", "slug", "field"),
    [
        ({"q1": ["a"], "q9": ["a"]}, "unknown_question", "answers.q9"),
        ({"q1": ["a", "z"]}, "unknown_option", "answers.q1"),
    ],
)
def test_ids_that_the_quiz_does_not_have_are_refused_with_the_field(answers: Answers, slug: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        grade([question()], answers)
    assert (refused.value.status, refused.value.slug, fields_of(refused.value)) == (422, slug, [field])


@given(questions())
def test_a_quiz_whose_ids_differ_and_whose_right_options_exist_is_accepted(quiz: list[Question]) -> None:
    check(quiz)


@pytest.mark.parametrize(
    ("quiz", "slug", "field"),
    [
        ([question("q1"), question("q2"), question("q1")], "id_twice", "questions.2.question_id"),
        ([question("q1"), question("q2", options="aba")], "id_twice", "questions.1.options.2.option_id"),
        ([question("q1"), question("q2", right="ax")], "right_option_missing", "questions.1.right"),
        ([question("q1", right="")], "right_option_missing", "questions.0.right"),
    ],
)
def test_a_quiz_that_cannot_be_graded_is_refused_with_the_field(quiz: list[Question], slug: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        check(quiz)
    assert (refused.value.status, refused.value.slug, fields_of(refused.value)) == (422, slug, [field])


def test_a_question_with_more_than_one_right_option_says_so() -> None:
    assert not question(right="a").several
    assert question(right="ab").several
