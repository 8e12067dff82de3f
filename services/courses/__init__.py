"""Courses: courses with their quizzes, who takes them, and how they did.

Owns the frozen version of every published quiz with its right answers, enrolments and graded attempts; learners are
pseudonyms, no name is kept. Publishes course_published, learner_enrolled, quiz_passed, quiz_failed. Follows registry,
to know units and organisations.
"""
