"""POST /courses/{course_id}/enrolments: a learner takes a course, as a pseudonym, for an organisation and a unit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, NamedTuple

from fastapi import Path
from pydantic import AwareDatetime, Field

from services.courses import course, store
from shared import errors
from shared.auth import Caller, Role
from shared.clock import local_day
from shared.commands import Decision
from shared.contracts.history import UnitVersion
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import ID_PATTERN, Answer, Body, Id, allow, router, who
from shared.pseudonym import pseudonym
from shared.service import Service

routes = router("learners")
ROLES = (Role.LEARNER,)
CourseId = Annotated[str, Path(pattern=ID_PATTERN)]


class Enrol(Body):
    """For whom the result counts. What is left out is taken from the token."""

    organisation_id: Id | None = Field(None, examples=["tinh-doan"])
    unit_id: Id | None = Field(None, examples=["21400"])


class EnrolmentAnswer(Answer):
    """An enrolment."""

    course_id: str
    learner_id: str = Field(description="A pseudonym; it says nothing about the person.")
    organisation_id: str | None
    unit_id: str | None
    enrolled_at: AwareDatetime


class Wish(NamedTuple):
    """Who wants to take which course, for whom."""

    course_id: str
    learner_id: str
    organisation_id: str | None
    unit_id: str | None


@routes.post(
    "/courses/{course_id}/enrolments",
    status_code=201,
    openapi_extra=who(ROLES, "the caller's own enrolment"),
    dependencies=[Fresh],
)
async def enrol(
    service: Svc, course_id: CourseId, body: Enrol, caller: Annotated[Caller, allow(*ROLES)]
) -> EnrolmentAnswer:
    """Enrols the caller. Again for the same organisation and unit: the first answer again; for another: 409.

    An organisation that was registered a moment ago may not be known here yet: give that answer's `pos` as `min_pos`.
    """
    _must_be_own_organisation(caller, body.organisation_id)
    unit_id = body.unit_id or (caller.units[0] if caller.units else None)
    wish = Wish(course_id, learner_of(service, caller), body.organisation_id or caller.organisation_id, unit_id)

    async def work(conn: Conn, now: datetime) -> Decision:
        return await _save(conn, wish, now)

    # The key holds the whole wish: the same wish is answered from the receipt, another one meets the row below.
    done = await service.commands.execute("enrol", work, by=caller, key=":".join(part or "" for part in wish))
    return EnrolmentAnswer(**done.answer, pos=done.pos)


def _must_be_own_organisation(caller: Caller, organisation_id: str | None) -> None:
    """A result counts for the organisation that the token vouches for; only without one may a learner name it."""
    if organisation_id and caller.organisation_id and organisation_id != caller.organisation_id:
        raise errors.forbidden(
            "not_your_organisation",
            "organisation_id",
            f"Bạn thuộc «{caller.organisation_id}»; kết quả chỉ tính được cho tổ chức đó. Hãy bỏ trống trường này.",
            f"You belong to «{caller.organisation_id}»; the result can count for that one only. Leave the field out.",
        )


async def _save(conn: Conn, wish: Wish, now: datetime) -> Decision:
    taken = await store.course(conn, wish.course_id)
    if taken is None:
        raise no_such_course(wish.course_id)
    await _check_organisation(conn, wish.organisation_id, local_day(now))
    unit = await _unit(conn, wish.unit_id, local_day(now))
    wanted, event = course.enrol(taken, wish.learner_id, wish.organisation_id, unit, now)
    if await store.save_enrolment(conn, wanted):
        return Decision(_answer(wanted), [event])
    there = await store.lock_enrolment(conn, wish.course_id, wish.learner_id)
    assert there is not None, "enrolments are never deleted"
    course.must_be_the_same(there, wanted)
    return Decision(_answer(there))


def _answer(enrolment: course.Enrolment) -> dict[str, str | None]:
    return {
        "course_id": enrolment.course_id,
        "learner_id": enrolment.learner_id,
        "organisation_id": enrolment.organisation_id,
        "unit_id": enrolment.unit_id,
        "enrolled_at": enrolment.enrolled_at.isoformat(),
    }


async def _check_organisation(conn: Conn, organisation_id: str | None, day: date) -> None:
    if not organisation_id:
        return
    found = await store.known_organisation(conn, organisation_id)
    if found is None:
        raise errors.invalid(
            "unknown_organisation",
            "organisation_id",
            f"Không có tổ chức «{organisation_id}». Xem danh sách tại /registry/organisations.",
            f"There is no organisation «{organisation_id}». See /registry/organisations.",
        )
    course.must_exist(found, day)


async def _unit(conn: Conn, unit_id: str | None, day: date) -> UnitVersion | None:
    if not unit_id:
        return None
    states = await store.known_unit(conn, unit_id)
    if not states:
        raise errors.invalid(
            "unknown_unit",
            "unit_id",
            f"Không có đơn vị «{unit_id}». Xem danh sách tại /registry/units.",
            f"There is no unit «{unit_id}». See /registry/units.",
        )
    return course.in_force(states, day)


def learner_of(service: Service, caller: Caller) -> str:
    """The caller's pseudonym as a learner: the same person gets the same one in every course."""
    settings = service.settings
    return pseudonym(settings.citizen_key.get_secret_value(), "learner", f"{settings.oidc_issuer}|{caller.subject}")


def no_such_course(course_id: str) -> errors.Problem:
    """404: no such course is published."""
    return errors.not_found(
        "no_such_course",
        "course_id",
        f"Không có khóa học «{course_id}». Xem danh sách tại /courses/courses.",
        f"There is no course «{course_id}». See /courses/courses.",
    )
