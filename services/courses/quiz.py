"""Rules of quizzes: what a question must be, and how answers are graded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared import errors

Answers = Mapping[str, Collection[str]]
"""The option ids that were chosen, by question id."""


class Option(NamedTuple):
    """One of a question's options."""

    option_id: str
    text: str


class Question(NamedTuple):
    """A question, multiple choice when more than one option is right."""

    question_id: str
    text: str
    options: tuple[Option, ...]
    right: frozenset[str]

    @property
    def several(self) -> bool:
        """Whether more than one option has to be chosen."""
        return len(self.right) > 1

    def is_right(self, chosen: Collection[str]) -> bool:
        """Whether exactly the right options were chosen; a part of them, or one too many, is wrong."""
        return self.right == set(chosen)


class Grade(NamedTuple):
    """How a sheet of answers was graded; `wrong` are question ids in the quiz's order."""

    right: int
    out_of: int
    wrong: tuple[str, ...]


def check(questions: Sequence[Question]) -> None:
    """Raises 422, naming the field, for a quiz that cannot be graded."""
    seen: set[str] = set()
    for number, question in enumerate(questions):
        if question.question_id in seen:
            raise _twice(f"questions.{number}.question_id", question.question_id)
        seen.add(question.question_id)
        _check_options(number, question)


def _check_options(number: int, question: Question) -> None:
    known: set[str] = set()
    for place, option in enumerate(question.options):
        if option.option_id in known:
            raise _twice(f"questions.{number}.options.{place}.option_id", option.option_id)
        known.add(option.option_id)
    unknown = sorted(question.right - known)
    if unknown or not question.right:
        raise errors.invalid(
            "right_option_missing",
            f"questions.{number}.right",
            f"Câu «{question.question_id}»: mỗi đáp án đúng phải là một trong các lựa chọn của câu hỏi.",
            f"Question «{question.question_id}»: each right option must be one of its options.",
        )


def _twice(field: str, taken: str) -> errors.Problem:
    return errors.invalid(
        "id_twice",
        field,
        f"Mã «{taken}» bị dùng hai lần. Hãy đặt mã khác.",
        f"The id «{taken}» is used twice. Choose another.",
    )


def grade(questions: Sequence[Question], answers: Answers) -> Grade:
    """Grades a sheet; a question without an answer is wrong. Raises 422 for ids that the quiz does not have."""
    _check_answers({q.question_id: {o.option_id for o in q.options} for q in questions}, answers)
    wrong = tuple(q.question_id for q in questions if not q.is_right(answers.get(q.question_id, ())))
    return Grade(len(questions) - len(wrong), len(questions), wrong)


def _check_answers(known: Mapping[str, set[str]], answers: Answers) -> None:
    for question_id, chosen in answers.items():
        if question_id not in known:
            raise errors.invalid(
                "unknown_question",
                f"answers.{question_id}",
                f"Bài trắc nghiệm không có câu «{question_id}». Hãy tải lại khóa học.",
                f"The quiz has no question «{question_id}». Load the course again.",
            )
        if unknown := sorted(set(chosen) - known[question_id]):
            raise errors.invalid(
                "unknown_option",
                f"answers.{question_id}",
                f"Câu «{question_id}» không có lựa chọn «{unknown[0]}». Hãy tải lại khóa học.",
                f"Question «{question_id}» has no option «{unknown[0]}». Load the course again.",
            )
