"""Who takes the course when, and how well: about seven in ten pass at once, most others later. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from phongtrao import course
from phongtrao.actions import Action
from phongtrao.province import LAUNCH, made_id, rng_of
from shared.auth import Caller, Role
from shared.clock import start_of_day

_PASS_FIRST = 0.7
_DAYS = 18
_PATH = f"/courses/courses/{course.COURSE_ID}"


def actions(organisation_ids: Sequence[str], unit_ids: Sequence[str], seed: int) -> list[Action]:
    """Everything that learners do, by time: those of organisations, and citizens of units who learn on their own."""
    done: list[Action] = []
    for organisation_id in organisation_ids:
        rng = rng_of(seed, "learners", organisation_id)
        for number in range(rng.randint(8, 34)):
            done += _learner(rng, seed, f"{organisation_id}-{number}", organisation_id, None)
    rng = rng_of(seed, "learners")
    for number in range(len(unit_ids)):
        done += _learner(rng, seed, f"citizen-{number}", None, rng.choice(unit_ids))
    return sorted(done, key=lambda a: a.at)


def _learner(
    rng: random.Random, seed: int, name: str, organisation_id: str | None, unit_id: str | None
) -> Iterable[Action]:
    units = (unit_id,) if unit_id else ()
    who = Caller(f"learner-{seed}-{name}", frozenset([Role.LEARNER]), units, organisation_id=organisation_id)
    at = _enrolment(rng)
    lane = who.subject
    yield Action(at, lane, f"{_PATH}/enrolments", {"organisation_id": organisation_id, "unit_id": unit_id}, who)
    if rng.random() < 0.06:
        return  # enrolled, and never came back
    for attempt in range(3):
        at += timedelta(minutes=rng.uniform(15, 90)) if attempt == 0 else timedelta(hours=rng.uniform(1, 40))
        passes = rng.random() < _PASS_FIRST + 0.05 * attempt
        body = {
            "attempt_id": made_id(seed, "attempt", name, attempt),
            "answers": course.sheet(_wrong(rng, passes=passes)),
        }
        yield Action(at, lane, f"{_PATH}/attempts", body, who)
        if passes or rng.random() < 0.2:
            return


def _enrolment(rng: random.Random) -> datetime:
    day: date = LAUNCH + timedelta(days=min(int(rng.expovariate(1 / 4)), _DAYS - 1))
    hour = rng.choices((8, 9, 10, 14, 15, 16, 19, 20, 21), (8, 12, 10, 10, 12, 8, 12, 16, 8))[0]
    return start_of_day(day) + timedelta(hours=hour, minutes=rng.uniform(5, 59))


def _wrong(rng: random.Random, *, passes: bool) -> frozenset[int]:
    allowed = course.QUESTIONS - course.PASS_MARK
    count = rng.randint(0, allowed) if passes else rng.randint(allowed + 1, course.QUESTIONS - 1)
    return frozenset(rng.sample(range(course.QUESTIONS), count))
