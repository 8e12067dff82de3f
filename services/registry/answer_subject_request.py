"""POST /subject-requests/{request_id}/answer: the person was told what was done; the clock stops."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Path

from services.registry.person_access import may_reach
from services.registry.store import requests as store
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Answer, Body, allow, router, who

routes = router("people")


class Outcome(StrEnum):
    """How a request ended; a code, because free text could name people."""

    DONE = "done"
    PARTLY_DONE = "partly_done"
    REFUSED_BY_LAW = "refused_by_law"
    NOT_THE_PERSON = "not_the_person"


class AnswerRequest(Body):
    """How it ended."""

    outcome: Outcome


class RequestAnswered(Answer):
    """An answered request."""

    request_id: str
    in_time: bool


@routes.post(
    "/subject-requests/{request_id}/answer",
    openapi_extra=who(OFFICERS, "requests of people with a place in the caller's units"),
)
async def answer_subject_request(
    service: Svc,
    request_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: AnswerRequest,
    caller: Annotated[Caller, allow(*OFFICERS)],
) -> RequestAnswered:
    """Notes that the person was answered. The first answer counts; the same again changes nothing, another one: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        filed = await store.request(conn, request_id)
        if filed is None:
            raise no_such_request(request_id)
        await may_reach(conn, service, caller, filed.member_id, now)
        if filed.outcome not in {None, body.outcome}:
            raise _answered_already()
        answered_at = filed.answered_at or now
        if filed.answered_at is None:
            await store.save_answer(conn, request_id, now, body.outcome)
        return Decision({"request_id": request_id, "in_time": answered_at < filed.due_at})

    done = await service.commands.execute("answer_subject_request", work, by=caller)
    return RequestAnswered(**done.answer, pos=done.pos)


def _answered_already() -> errors.Problem:
    return errors.conflict(
        "answered_already",
        "outcome",
        "Yêu cầu này đã được trả lời với kết quả khác. Nếu người đó yêu cầu lại, hãy lập yêu cầu mới.",
        "This request was answered with another outcome. If the person asks again, file a new request.",
    )


def no_such_request(request_id: str) -> errors.Problem:
    """404: nobody filed such a request."""
    return errors.not_found(
        "no_such_request",
        "request_id",
        f"Không có yêu cầu «{request_id}».",
        f"There is no request «{request_id}».",
    )
