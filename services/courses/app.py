"""Courses on one screen: what it can do, what it publishes, what it follows."""

from __future__ import annotations

from pathlib import Path

from services.courses import enrol, on_registry, publish_course, read, submit_answers
from shared import feed
from shared.contracts import events_of
from shared.pseudonym import pseudonym
from shared.service import Service, Spec


async def check_key(service: Service) -> None:
    """Refuses to start without the key that turns learners into pseudonyms; better now than at the first enrolment."""
    pseudonym(service.settings.citizen_key.get_secret_value(), "learner", "")


SPEC = Spec(
    name="courses",
    title="Courses · Khóa học",
    summary="Courses with quizzes, who takes them, and graded attempts.",
    routers=(publish_course.routes, enrol.routes, submit_answers.routes, read.routes, feed.routes),
    migrations=Path(__file__).parent / "migrations",
    publishes=events_of("courses"),
    projections=(on_registry.PROJECTION,),
    on_start=check_key,
)
